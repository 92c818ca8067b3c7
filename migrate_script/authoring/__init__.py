"""A model change becomes a script: what is asked for is checked first, what is written loads."""

from .files import check_rev_id as check_rev_id
from .files import message_text as message_text
from .files import nothing_left as nothing_left
from .files import only_loadable as only_loadable
