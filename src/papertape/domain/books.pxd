# Compiles books.py as it stands; C types go here where a measurement asks for them.
