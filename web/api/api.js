/**
 * The exchange's REST API, one function. It knows no document and keeps nothing.
 *
 * A request is named as the documentation names it: `api("GET /markets/{market_id}", {market_id})`. What the path does
 * not use is the query of a GET and the body of a POST; `idempotency_key` is the header of that name. The answer is the
 * envelope's `data`; anything else is an `ExchangeError`, which says for people what was wrong.
 */

export class ExchangeError extends Error {
  /** @param {{status: number, code: number, message: string, data?: any, retryAfter?: number}} answer */
  constructor({ status, code, message, data = null, retryAfter = 0 }) {
    super(message);
    this.status = status;
    this.code = code;
    this.data = data;
    /** Seconds until it makes sense to try again. */
    this.retryAfter = retryAfter;
  }

  /** Nobody knows whether it happened: the request may have been carried out and its answer lost. */
  get unanswered() {
    return this.status === 0 || this.status === 500;
  }

  /** The problem of one member of the request, to stand beside its field. @param {string} field */
  problemOf(field) {
    return this.data?.errors?.find((/** @type {{field: string}} */ error) => error.field === field)?.problem;
  }
}

/** A code of our own for what never reached the exchange or whose answer was lost. */
export const NO_ANSWER = -1;

const PATIENCE_MS = 15_000;

/**
 * @typedef {(request: string, members?: Record<string, any>, signal?: AbortSignal) => Promise<any>} Api
 * @param {{token: () => Promise<string | null>, renew: (stale: string) => Promise<boolean>}} session
 * @returns {Api}
 */
export function createApi(session) {
  return async function api(request, members = {}, signal = undefined) {
    const token = await session.token();
    try {
      return await ask(request, members, token, signal);
    } catch (error) {
      // The token may have ended on its way; the second time it is the exchange's last word.
      const stale = error instanceof ExchangeError && error.code === 1006 && token !== null;
      if (!stale || !(await session.renew(token))) throw error;
      return ask(request, members, await session.token(), signal);
    }
  };
}

/** @param {string} request @param {Record<string, any>} members @param {string | null} token @param {AbortSignal} [signal] */
export async function ask(request, members, token, signal) {
  const [method, template] = request.split(" ");
  const { idempotency_key: key, ...rest } = members;
  const path = template.replace(/\{(\w+)\}/g, (_, name) => {
    const value = encodeURIComponent(rest[name]);
    delete rest[name];
    return value;
  });
  /** @type {Record<string, string>} */
  const headers = {};
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  if (key !== undefined) headers["Idempotency-Key"] = key;
  if (method === "POST") headers["Content-Type"] = "application/json";
  const given = Object.entries(rest).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = method === "GET" && given.length ? `?${new URLSearchParams(given)}` : "";
  const deadline = AbortSignal.timeout(PATIENCE_MS);
  let response;
  try {
    response = await fetch(`/api/v1${path}${query}`, {
      method,
      headers,
      body: method === "POST" ? JSON.stringify(rest) : undefined,
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch {
    throw new ExchangeError({ status: 0, code: NO_ANSWER, message: "The exchange did not answer." });
  }
  return read(response);
}

/** @param {Response} response */
async function read(response) {
  const retryAfter = Number(response.headers.get("Retry-After") ?? 0);
  const { status } = response;
  let envelope;
  try {
    envelope = await response.json();
  } catch {
    throw new ExchangeError({ status: 0, code: NO_ANSWER, message: "The exchange's answer was cut off." });
  }
  if (envelope.code === 0) return envelope.data;
  throw new ExchangeError({ status, code: envelope.code, message: envelope.message, data: envelope.data, retryAfter });
}
