"""Tasks over Celery's SQS transport, with the settings that people use and nothing for an emulator."""

import os
from urllib.parse import quote

from celery import Celery

key = quote(os.environ["AWS_ACCESS_KEY_ID"], safe="")
secret = quote(os.environ["AWS_SECRET_ACCESS_KEY"], safe="")
endpoint = os.environ["KQUEUEY_TEST_ENDPOINT"].removeprefix("http://")

app = Celery("errand", broker=f"sqs://{key}:{secret}@{endpoint}")
app.conf.update(
    broker_transport_options={
        "is_secure": False,
        "region": os.environ["AWS_REGION"],
        "visibility_timeout": 60,
        "wait_time_seconds": 1,
        "polling_interval": 0.05,
        "queue_name_prefix": "celery-",
    },
    broker_connection_retry_on_startup=True,
    task_default_queue="errand",
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=10,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
)


@app.task(name="errand.note")
def note(number):
    print(f"task {number}", flush=True)
