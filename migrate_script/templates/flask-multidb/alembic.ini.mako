# Settings of Alembic. The database is not among them: it is the application's.

[alembic]
# How the file of a revision is named: %%(rev)s, %%(slug)s, %%(year)d, %%(month).2d, ...
# file_template = %%(rev)s_%%(slug)s

# Execute env.py for `revision` without --autogenerate as well.
# revision_environment = false

# What separates the paths of version_locations, where a project sets it.
# path_separator = os


[loggers]
keys = root,alembic,plugins,sqlalchemy

[handlers]
keys = stderr

[formatters]
keys = short

[logger_root]
level = WARNING
handlers = stderr

[logger_alembic]
level = INFO
handlers =
qualname = alembic

[logger_plugins]
level = WARNING
handlers =
qualname = alembic.runtime.plugins

[logger_sqlalchemy]
level = WARNING
handlers =
qualname = sqlalchemy.engine

[handler_stderr]
class = StreamHandler
args = (sys.stderr,)
formatter = short

[formatter_short]
format = %(levelname)-5.5s [%(name)s] %(message)s
