/** A FIFO queue's delay holds for the messages that wait already: a change moves the ends of their delays. */
import type { Core } from "./core.ts";
import { PLACE } from "./page.ts";
import { putDelayed, takeOut } from "./places.ts";
import type { QueueState } from "./queue.ts";

/** Every message that waits since it was sent waits `changeMs` longer, or as much less, but not into the past. */
export function changeDelays(core: Core, queue: QueueState, changeMs: number): void {
  if (changeMs === 0 || queue.delayed === 0) return;
  core.chain.mix(changeMs);
  for (let place = 0; place < queue.pages.length; place++) {
    const page = queue.pages.at(place);
    if (page === undefined) continue;
    for (let slot = 0; slot < page.used; slot++) {
      // One that was given back with a delay keeps it.
      if (page.place(slot) !== PLACE.delayed || page.receivesHere(slot) > 0) continue;
      core.touch(page);
      const time = Math.max(core.now, page.visibleAt(slot) + changeMs);
      takeOut(core, page, slot);
      putDelayed(core, page, slot, time);
    }
  }
}
