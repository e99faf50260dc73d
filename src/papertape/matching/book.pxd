# Compiles book.py as it stands; C types go here where a measurement asks for them.
from papertape.domain.money cimport tick_down, tick_up
