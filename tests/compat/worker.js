'use strict';
/*
 * The founding document's worker, made of the official module as it is published: the power task, the poller and the
 * health page. Settings are the official ones, from the environment: API_BASE_PATH, API_ACCESS_TOKEN, POLL_INTERVAL,
 * PORT (0 for any; the one that it got is printed) and TASK_DEFINITION_ID.
 */
require('reflect-metadata');
const { Injectable, Module } = require('@nestjs/common');
const { NestFactory } = require('@nestjs/core');
const { IsNumber } = require('class-validator');
const { DataFactoryModule, DataFactoryTaskResult } = require('@product-live/data-factory-nest');

class PowerTaskInput {}
IsNumber()(PowerTaskInput.prototype, 'power');

class PowerTaskOutput {
  constructor(result) {
    this.result = result;
  }
}
IsNumber()(PowerTaskOutput.prototype, 'result');

class PowerTask {
  taskDefinitionId = process.env.TASK_DEFINITION_ID;
  taskInput = PowerTaskInput;

  async run(input) {
    if (input.power < 0) {
      throw new Error('no negative powers');
    }
    return new DataFactoryTaskResult().setResult(new PowerTaskOutput(2 ** input.power));
  }
}
Injectable()(PowerTask);

class WorkerModule {}
Module({ providers: [PowerTask], exports: [PowerTask] })(WorkerModule);

class AppModule {}
Module({
  imports: [WorkerModule, DataFactoryModule.forRootAsync({ imports: [WorkerModule], tasks: [PowerTask] })],
})(AppModule);

async function main() {
  const app = await NestFactory.create(AppModule);
  await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
  console.log(`listening on ${await app.getUrl()}`);
}

main();
