"""What is where: the scripts of a folder."""

from .scripts import find as find
from .scripts import locations as locations
from .scripts import path_of as path_of
from .scripts import read as read
