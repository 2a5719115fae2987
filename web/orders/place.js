/** An order that is sent once and waited for, by whoever has nothing else to show meanwhile. */
import { ExchangeError, NO_ANSWER } from "../api/api.js";
import { createSending } from "./sending.js";

/** @param {import("../api/api.js").Api} api @param {any} request with its client_order_id @returns {Promise<any>} the answer, or why there is none */
export const place = (api, request) =>
  new Promise((done, refused) => {
    const settled = (/** @type {import("./sending.js").Sent} */ { phase, answer, error }) => {
      if (phase === "done") done(answer);
      else refused(phase === "missing" ? new ExchangeError({ status: 404, code: NO_ANSWER, message: "The exchange does not have the order: nothing was done." }) : error);
    };
    createSending({ api, settled }).send(request);
  });
