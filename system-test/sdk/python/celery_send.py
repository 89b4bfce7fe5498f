"""Sends the tasks whose numbers are from the first argument up to before the second."""

import sys

from celery_app import note

for number in range(int(sys.argv[1]), int(sys.argv[2])):
    note.apply_async(args=[number], retry=True)
print("sent", flush=True)
