"""Commands of an application that call the functions of migrations."""

from __future__ import annotations

from old_projects import MANAGE


def test_a_deploy_command(shape):
    """The functions, under their own names or others, in a command of the project."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand, upgrade
        from shop import User, create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)


        @manager.command
        def deploy():
            "Run the deployment tasks."
            from flask_migrate import stamp as s, downgrade as go_back

            upgrade()
            s("migrations", "head")
            s(revision="head")
            db.session.add(User(name="ann"))
            db.session.commit()
            go_back(revision="-1")
            upgrade("migrations", "head")
            print("deployed")


        if __name__ == "__main__":
            manager.run()
        """,
    )
    shape.run_through()
    shape.run("downgrade")
    assert shape.run("deploy", start=["manage.py"]).out == "deployed\n"
    assert shape.tables() == ["users"]


def test_a_deploy_command_that_fails(shape):
    """What a function raises and nobody catches is one line, as Flask-Migrate showed it."""
    shape.write(
        "manage.py",
        """
        import migrate_script
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand, upgrade
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        tasks = Manager()
        manager.add_command("tasks", tasks)


        @manager.command
        def deploy(revision="head"):
            "Run the deployment tasks."
            upgrade(revision=revision)


        @tasks.command
        def deploy(revision="head"):
            "Run the deployment tasks."
            upgrade(revision=revision)


        @manager.command
        def attempt():
            "Go on where an upgrade fails."
            try:
                upgrade(revision="nosuch")
            except migrate_script.MigrateError as error:
                print("caught", type(error).__name__)


        @manager.command
        def own():
            "Fail by itself."
            raise KeyError("mine")


        manager.run()
        """,
    )
    shape.run("init")
    for words in (["deploy"], ["tasks", "deploy"]):
        failed = shape.attempt("-r", "nosuch", start=["manage.py", *words])
        assert failed.status == 1
        assert failed.out == ""
        assert failed.error.startswith("Error: there is no revision 'nosuch': ")
        assert failed.error.count("\n") == 1
    assert shape.run("attempt", start=["manage.py"]).out == "caught RevisionError\n"
    assert "KeyError: 'mine'" in shape.attempt("own", start=["manage.py"]).err


def test_a_deploy_command_that_fails_for_an_unknown_reason(shape):
    """The traceback says where, since the command has no --traceback."""
    shape.write(
        "manage.py",
        MANAGE.replace(
            "manager.run()",
            """
    @migrate.configure
    def fail(config):
        return 1 / 0


    @manager.command
    def deploy():
        from flask_migrate import upgrade

        upgrade()


    manager.run()
    """,
        ),
    )
    failed = shape.attempt(start=["manage.py", "deploy"])
    assert failed.status == 1
    assert "in fail" in failed.err
    assert "ZeroDivisionError" in failed.err


def test_a_command_that_returns_what_a_function_returned(shape):
    """Flask-Script takes the result of a command for its exit status."""
    shape.write(
        "manage.py",
        """
        from flask_script import Manager
        from flask_migrate import Migrate, MigrateCommand, downgrade, upgrade
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)


        @manager.command
        def up():
            "Make the tables."
            return upgrade()


        @MigrateCommand.command
        def down():
            "Drop the tables."
            return downgrade(revision="base")


        manager.run()
        """,
    )
    shape.run_through()
    shape.run("down")
    assert shape.tables() == []
    shape.run("up", start=["manage.py"])
    assert shape.tables() == ["users"]


def test_functions_that_are_commands_themselves(shape):
    """Flask-Script makes an option of each parameter, with its first letter for a short one."""
    shape.write(
        "manage.py",
        """
        from flask_script import Command, Manager
        from flask_migrate import Migrate, MigrateCommand, current, downgrade, init, upgrade
        from flask_migrate import history, migrate as write, stamp
        from shop import create_app, db

        app = create_app()
        migrate = Migrate(app, db)
        manager = Manager(app)
        manager.add_command("db", MigrateCommand)
        for function in (history, stamp, upgrade, write):
            manager.command(function)
        manager.add_command("down", Command(downgrade))
        MigrateCommand.command(current)


        @manager.command
        def begin():
            "Make the folder."
            return init()


        manager.run()
        """,
    )
    start = ["manage.py"]
    shape.run("begin", start=start)
    shape.run("migrate", "-m", "first", start=start)
    assert "first" in shape.run("history", start=start).out
    shape.run("upgrade", "-r", "head", "-d", "migrations", start=start)
    assert shape.tables() == ["users"]
    assert "(head)" in shape.run("current").out
    shape.run("down", "--revision", "base", start=start)
    assert shape.tables() == []
    shape.run("stamp", "-r", "head", start=start)
    listing = shape.run("--help", start=start).out
    assert "Upgrade the database to a later revision." in " ".join(listing.split())
    assert ":param" not in listing
