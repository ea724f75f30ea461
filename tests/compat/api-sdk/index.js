'use strict';
/*
 * What the official worker calls of its client, `@product-live/api-sdk` 2.10, which is no longer published: two API
 * classes and their configuration. Written from scratch to act as the output of openapi-generator's `typescript`
 * generator does, strict where that is strict: it parses a body by its media type and knows `application/json` only,
 * takes what the model declares and drops the rest, makes dates of the declared dates, and throws an ApiException for
 * every status that is not 2xx.
 */

class ApiException extends Error {
  constructor(code, message, body, headers) {
    super(
      `HTTP-Code: ${code}\nMessage: ${message}\nBody: ${JSON.stringify(body)}\nHeaders: ${JSON.stringify(headers)}`,
    );
    this.code = code;
    this.body = body;
    this.headers = headers;
  }
}

class ServerConfiguration {
  constructor(url, variables) {
    this.url = url;
    this.variables = variables;
  }

  getUrl() {
    return Object.entries(this.variables).reduce((url, [name, value]) => url.replaceAll(`{${name}}`, value), this.url);
  }
}

function createConfiguration({ baseServer, authMethods = {} }) {
  return { baseServer, authMethods };
}

const TASK = {
  object: String, id: String, createdAt: Date, updatedAt: Date, key: String, description: String, retryCount: Number,
  timeoutSeconds: Number, timeoutPolicy: String, retryLogic: String, retryDelaySeconds: Number,
  responseTimeoutSeconds: Number, concurrentExecLimit: Number, pollTimeoutSeconds: Number, backoffScaleFactor: Number,
  inputKeys: Array, outputKeys: Array,
};
const TASK_EXECUTION = {
  object: String, id: String, createdAt: Date, updatedAt: Date, taskId: String, status: String, input: Object,
  output: Object,
};

function deserialize(data, model) {
  const instance = {};
  for (const [name, type] of Object.entries(model)) {
    if (data[name] !== undefined) {
      instance[name] = type === Date ? new Date(data[name]) : data[name];
    }
  }
  return instance;
}

function parse(text, contentType) {
  if (contentType === undefined) {
    throw new Error('Cannot parse content. No Content-Type defined.');
  }
  const mediaType = contentType.split(';')[0].trim().toLowerCase();
  if (mediaType === 'application/json') {
    return JSON.parse(text);
  }
  throw new Error(`The mediaType ${mediaType} is not supported by ObjectSerializer.parse.`);
}

/** The statuses that the platform's description declares as errors, and whether it declares a body for them. */
const DECLARED = {
  400: ['Bad Request - Malformed syntax', true],
  401: ['Unauthorized', false],
  404: ['Not Found', false],
};

class Api {
  constructor(configuration) {
    this.configuration = configuration;
  }

  async request(method, path, { query = {}, body } = {}) {
    const url = new URL(this.configuration.baseServer.getUrl() + path);
    const headers = { Accept: 'application/json, */*;q=0.8' };
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) {
        url.searchParams.set(name, String(value));
      }
    }
    if (this.configuration.authMethods.ApiKeyAuthHeader !== undefined) {
      headers['X-Api-Key'] = this.configuration.authMethods.ApiKeyAuthHeader;
    }
    if (body !== undefined) {
      headers['Content-Type'] = 'application/json';
    }
    const response = await fetch(url, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    const given = Object.fromEntries(response.headers.entries());
    const text = await response.text();
    if (response.status >= 200 && response.status <= 299) {
      return parse(text, given['content-type']);
    }
    const [message, hasBody] = DECLARED[response.status] ?? ['Unknown API Status Code!', undefined];
    if (hasBody === undefined) {
      throw new ApiException(response.status, message, text, given);
    }
    throw new ApiException(response.status, message, hasBody ? parse(text, given['content-type']) : undefined, given);
  }
}

class TaskApi extends Api {
  async getTasks(size, page) {
    const list = await this.request('GET', '/v1/data_factory/tasks', { query: { size, page } });
    return { object: list.object, data: list.data.map((task) => deserialize(task, TASK)) };
  }

  async pollTaskExecution(id) {
    const path = `/v1/data_factory/tasks/${encodeURIComponent(String(id))}/poll`;
    return deserialize(await this.request('GET', path), TASK_EXECUTION);
  }
}

class TaskExecutionApi extends Api {
  async patchTaskExecution(id, body) {
    const path = `/v1/data_factory/task_executions/${encodeURIComponent(String(id))}`;
    return deserialize(await this.request('PATCH', path, { body }), TASK_EXECUTION);
  }
}

module.exports = { ApiException, ServerConfiguration, TaskApi, TaskExecutionApi, createConfiguration };
