"""
Live through a shop's past under a virtual clock, with the services, stage machine, flows and policy of every day.

`history` names what can happen, the readers turn files into it, `player` lives through it, `report` adds it up.
"""
