"""A build backend that builds nothing: it tells pip the name and the version, from PKG-INFO.

`pip download` asks a source archive for its metadata by running its setup.py. The archives are
ten years old and only their templates are wanted, so nothing of theirs is executed.
"""

import os


class __legacy__:  # noqa: N801  (the name pip asks for where there is no pyproject.toml)
    @staticmethod
    def prepare_metadata_for_build_wheel(folder, config_settings=None):
        """Write a METADATA with the two fields that pip compares."""
        with open("PKG-INFO", encoding="utf-8") as info:
            fields = [line for line in info if line.startswith(("Name:", "Version:"))]
        version = next(line.split()[1] for line in fields if line.startswith("Version:"))
        # new releases of pip take the version from here
        name = f"Flask_Migrate-{version}.dist-info"
        os.mkdir(os.path.join(folder, name))
        with open(os.path.join(folder, name, "METADATA"), "w", encoding="utf-8") as metadata:
            metadata.write("Metadata-Version: 2.1\n" + "".join(fields))
        return name


prepare_metadata_for_build_wheel = __legacy__.prepare_metadata_for_build_wheel
