"use strict";
// Shows /openapi.json and tries its operations out. Text goes into the page as text, never as markup.

let token = null;
let description = null;

// What a newcomer can send as it stands: a sample market, and values that the rules allow.
const SAMPLES = {
  username: "ann", email: "ann@example.org", password: "Correct1horse", amount_cents: 100000,
  market_id: "MKT-BTC-100K-2026", client_order_id: "mine-1", side: "YES", price_cents: 50, quantity: 10,
};

const plain = (text) => text.replaceAll("`", "");

const make = (tag, text, kind) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  if (kind) node.className = kind;
  return node;
};

const resolve = (schema) => {
  while (schema && schema.$ref) schema = description.components.schemas[schema.$ref.split("/").pop()];
  return schema || {};
};

// A value of the schema's form, for people to read and change.
const example = (schema, depth = 0) => {
  schema = resolve(schema);
  if (depth > 6) return null;
  if (schema.anyOf) return example(schema.anyOf[0], depth + 1);
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.type === "array") return [example(schema.items, depth + 1)];
  if (schema.properties) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, member]) =>
        [name, name in SAMPLES ? SAMPLES[name] : example(member, depth + 1)]));
  }
  if (schema.type === "integer") return Math.max(schema.minimum > 0 ? schema.minimum : 1, 1);
  if (schema.type === "boolean") return true;
  if (schema.type === "object") return {};
  return schema.format === "date-time" ? "2026-01-01T00:00:00.000000Z" : "text";
};

const send = async (method, path, body) => {
  const headers = {};
  if (token) headers.Authorization = "Bearer " + token;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, { method, headers, body });
    return [answer.status, await answer.text()];
  } catch (trouble) {
    return ["no answer", String(trouble)];
  }
};

const pretty = (text) => {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
};

const show = (method, path, operation) => {
  const box = make("details");
  const head = make("summary");
  head.append(make("span", method, "method " + method), make("span", path, "path"),
    make("span", plain(operation.summary), "quiet"));
  box.append(head);
  box.addEventListener("toggle", () => {
    if (box.open && box.children.length === 1) box.append(inside(method, path, operation));
  });
  return box;
};

const inside = (method, path, operation) => {
  const inner = make("div");
  inner.append(make("p", plain(operation.description)));
  const fields = operation.parameters.map((parameter) => {
    const line = make("p");
    const input = make("input");
    input.placeholder = parameter.name;
    input.setAttribute("aria-label", parameter.name);
    if (parameter.required && parameter.name in SAMPLES) input.value = SAMPLES[parameter.name];
    const needed = parameter.required ? ", required" : "";
    line.append(input, make("span", `  ${parameter.name}, in the ${parameter.in}${needed}`, "quiet"));
    inner.append(line);
    return [parameter, input];
  });
  let body = null;
  if (operation.requestBody) {
    body = make("textarea");
    body.value = JSON.stringify(example(operation.requestBody.content["application/json"].schema), null, 2);
    body.rows = Math.min(body.value.split("\n").length, 16);
    body.setAttribute("aria-label", "body");
    inner.append(body);
  }
  const button = make("button", "Send");
  const result = make("pre");
  result.hidden = true;
  button.addEventListener("click", async () => {
    let target = path;
    const query = new URLSearchParams();
    for (const [parameter, input] of fields) {
      if (parameter.in === "path") target = target.replace(`{${parameter.name}}`, encodeURIComponent(input.value));
      else if (input.value) query.set(parameter.name, input.value);
    }
    if (query.size) target += "?" + query;
    const [status, text] = await send(method, target, body ? body.value : undefined);
    result.textContent = status + "\n" + pretty(text);
    result.hidden = false;
  });
  inner.append(button, result);
  const table = make("table");
  for (const [status, response] of Object.entries(operation.responses)) {
    const row = make("tr");
    row.append(make("td", status), make("td", response.description, "quiet"));
    table.append(row);
  }
  inner.append(table);
  const data = operation.responses["200"] || operation.responses["201"];
  inner.append(make("p", "data on success", "quiet"), make("pre",
    JSON.stringify(example(data.content["application/json"].schema.properties.data), null, 2)));
  return inner;
};

document.getElementById("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [username, password] = ["username", "password"].map((id) => document.getElementById(id).value);
  const [status, text] = await send("POST", "/api/v1/auth/login", JSON.stringify({ username, password }));
  const answer = status === "no answer" ? { message: text } : JSON.parse(text);
  token = answer.data && answer.data.access_token;
  document.getElementById("who").textContent = token ? "logged in as " + answer.data.user.username : answer.message;
});

fetch("/openapi.json").then((answer) => answer.json()).then((received) => {
  description = received;
  document.getElementById("about").textContent = plain(received.info.description);
  const main = document.getElementById("operations");
  let tag = null;
  for (const [path, methods] of Object.entries(received.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (operation.tags[0] !== tag) main.append(make("h2", tag = operation.tags[0]));
      main.append(show(method.toUpperCase(), path, operation));
    }
  }
});
