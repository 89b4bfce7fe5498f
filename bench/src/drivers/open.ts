/** The driver for a reach. Each is loaded only when it is used: their libraries cost start-up time. */
import type { Driver } from "../driver.ts";
import type { Reach } from "../systems/system.ts";

export async function openDriver(reach: Reach): Promise<Driver> {
  const first = reach.addresses[0] ?? "";
  switch (reach.driver) {
    case "kqueuey":
      return new (await import("./kqueuey.ts")).KqueueyDriver(reach.addresses);
    case "nats":
      return new (await import("./nats.ts")).NatsDriver(reach.addresses, reach.replicas);
    case "nats-minimal":
      return new (await import("./nats-minimal.ts")).NatsMinimalDriver(
        reach.addresses,
        reach.replicas,
      );
    case "rabbitmq":
      return new (await import("./rabbitmq.ts")).RabbitmqDriver(reach.addresses, reach.replicas);
    case "redis-streams":
      return new (await import("./redis-streams.ts")).RedisStreamsDriver(first);
    case "bullmq":
      return new (await import("./bullmq.ts")).BullmqDriver(first);
    case "beanstalkd":
      return new (await import("./beanstalkd.ts")).BeanstalkdDriver(Number(first));
  }
}
