# Compiles day_state.py as it stands; C types go here where a measurement asks for them.
