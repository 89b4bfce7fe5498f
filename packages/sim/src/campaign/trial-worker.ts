/** A thread of a campaign: jobs come in, outcomes go out, one at a time. */
import { parentPort } from "node:worker_threads";
import { runJob } from "./run-job.ts";
import type { Job } from "./trial.ts";

parentPort?.on("message", (job: Job) => parentPort?.postMessage(runJob(job)));
