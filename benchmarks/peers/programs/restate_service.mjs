// The Restate service: a job whose steps run in the handler, and one whose steps are done by a worker outside.

import { appendFileSync } from "node:fs";
import { connect } from "node:net";
import * as restate from "@restatedev/restate-sdk";

let worker;

function power(sent) {
  if (sent) {
    const now = Number(process.hrtime.bigint()) / 1e9;
    appendFileSync(process.env.ARRIVALS, `${now - sent}\n`);
  }
  return 2 ** 10;
}

function handOver(name, sent) {
  worker ??= connect(Number(process.env.WORKER_PORT), "127.0.0.1");
  worker.write(`${name} ${sent}\n`);
}

const jobs = restate.service({
  name: "jobs",
  handlers: {
    handled: async (ctx, { sent, steps }) => {
      let result = 0;
      for (let step = 0; step < steps; step += 1) {
        result = await ctx.run("step", () => power(sent));
      }
      return result;
    },
    outside: async (ctx, { sent, steps }) => {
      let result = 0;
      for (let step = 0; step < steps; step += 1) {
        const { id, promise } = ctx.awakeable();
        await ctx.run("hand over", () => handOver(id, sent));
        result = await promise;
      }
      return result;
    },
  },
});

restate.serve({ services: [jobs], port: Number(process.env.SERVICE_PORT) });
