# Shorthand for dev.py, which does the work and explains itself: python3 dev.py
.PHONY: demo test check bench serve worker lock

demo test check bench serve worker lock:
	@python3 dev.py $@ $(ARGS)
