"""Every case, in one fixed order: the parent and the child number them alike."""

from . import arguments, arrays, results, sizes, specials

CATALOGUE = tuple(case for module in (arguments, arrays, results, sizes, specials)
                  for case in module.cases())
