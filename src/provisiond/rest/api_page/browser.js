// Shows the API that this server describes, and sends requests to it. Text is only ever put in as text.
import { example, resolved, told } from "./schemas.js";

const MOST_SHOWN = 1_000_000;
const folder = location.pathname.replace(/\/api\/[^/]*$/, "");
const base = folder || "/0.2";
const place = (id) => document.getElementById(id);
let description = null;
let running = null;

function made(tag, members = {}, ...children) {
  const { dataset, ...rest } = members;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset || {});
  element.append(...children);
  return element;
}

function badge(method) {
  return made("span", { className: `method ${method}`, textContent: method.toUpperCase() });
}

function operations() {
  return Object.entries(description.paths).flatMap(([path, entry]) =>
    ["get", "post", "put", "delete"].filter((method) => entry[method]).map((method) => ({
      path, method, own: entry[method], root: entry.servers ? "" : base,
    })));
}

function list() {
  const words = place("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map();
  for (const each of operations()) {
    const text = `${each.method} ${each.path} ${each.own.summary} ${each.own.description || ""}`.toLowerCase();
    if (!words.every((word) => text.includes(word))) continue;
    const link = made("a", { href: `#${each.own.operationId}` }, badge(each.method), made("span", { textContent: each.path }));
    if (location.hash === link.hash) link.setAttribute("aria-current", "true");
    const tag = each.own.tags[0];
    groups.set(tag, [...(groups.get(tag) || []), link]);
  }
  place("groups").replaceChildren(...[...groups].map(([tag, links]) =>
    made("li", {}, made("strong", { textContent: tag }), ...links)));
}

function parametersOf(operation) {
  return (operation.own.parameters || []).map((each) => resolved(description, each)).filter((each) => each.in !== "header");
}

function inputFor(parameter) {
  const dataset = { place: parameter.in, name: parameter.name };
  if (!parameter.schema.enum) return made("input", { dataset, spellcheck: false, required: Boolean(parameter.required) });
  return made("select", { dataset }, ...["", ...parameter.schema.enum].map((value) => made("option", { value, textContent: value })));
}

function parameterTable(operation) {
  const rows = parametersOf(operation).map((each) => {
    const input = inputFor(each);
    input.setAttribute("aria-label", each.name);
    return made("tr", {}, made("td", {}, made("code", { textContent: each.name })), made("td", {}, input),
      made("td", { className: "quiet", textContent: each.description }));
  });
  return rows.length ? [made("h3", { textContent: "Parameters" }), made("table", {}, made("tbody", {}, ...rows))] : [];
}

function bodyPart(operation) {
  const content = operation.own.requestBody?.content;
  if (!content) return [];
  const kinds = Object.keys(content);
  const { schema } = content[kinds[0]];
  const json = kinds[0].endsWith("+json");
  const value = json ? JSON.stringify(example(description, schema), null, 2) : "";
  const parts = [made("h3", { textContent: "Body" }),
    made("select", { id: "kind", ariaLabel: "Media type" }, ...kinds.map((kind) => made("option", { textContent: kind }))),
    made("p", { className: "quiet" }), made("textarea", { id: "body", value, spellcheck: false, ariaLabel: "Body" })];
  if (json) parts.push(details("What it may hold", told(description, schema).join("\n")));
  return parts;
}

function details(title, text) {
  return made("details", {}, made("summary", { textContent: title }), made("pre", { textContent: text }));
}

function answers(operation) {
  return Object.entries(operation.own.responses).map(([code, given]) => {
    const answer = resolved(description, given);
    const schema = Object.values(answer.content || {})[0]?.schema;
    const text = code < "300" && schema ? told(description, schema).join("\n") : "";
    return made("tr", {}, made("td", {}, made("code", { textContent: code })),
      made("td", {}, answer.description, ...(text ? [details("What it holds", text)] : [])));
  });
}

function show() {
  running?.abort();
  const operation = operations().find((each) => `#${each.own.operationId}` === location.hash);
  list();
  if (!operation) return welcome();
  const send = made("button", { id: "send", textContent: "Send" });
  const stop = made("button", { id: "stop", className: "second", textContent: "Stop", disabled: true, type: "button" });
  const form = made("form", { id: "call" }, ...parameterTable(operation), ...bodyPart(operation),
    made("div", { className: "actions" }, send, stop));
  form.addEventListener("submit", (event) => { event.preventDefault(); call(operation, send, stop); });
  stop.addEventListener("click", () => running?.abort());
  place("main").replaceChildren(
    made("h2", {}, badge(operation.method), made("code", { textContent: operation.root + (operation.path === "/" ? "" : operation.path) })),
    made("p", { className: "summary", textContent: operation.own.summary }),
    made("p", { className: "quiet", textContent: (operation.own.description || "Needs no token.").replaceAll("`", "") }),
    form, made("div", { id: "result", ariaLive: "polite" }),
    made("h3", { textContent: "Answers" }), made("table", {}, made("tbody", {}, ...answers(operation))));
}

function welcome() {
  const count = operations().length;
  place("main").replaceChildren(
    made("h2", { textContent: "The REST API of this server" }),
    ...description.info.description.split("\n").filter(Boolean).map((line) =>
      made("p", { textContent: line.replace(/^\* /, "• ").replaceAll("`", "") })),
    made("p", { id: "notice", className: "quiet", textContent: `${count} operations; choose one on the left.` }));
}

function requestOf(operation) {
  let path = operation.path === "/" ? "" : operation.path;
  const query = new URLSearchParams();
  for (const input of place("call").querySelectorAll("[data-place]")) {
    if (input.dataset.place === "path") path = path.replace(`{${input.dataset.name}}`, encodeURIComponent(input.value));
    else if (input.value) query.append(input.dataset.name, input.value);
  }
  const headers = {};
  if (place("token").value) headers["X-Auth-Token"] = place("token").value.trim();
  if (place("tenant").value) headers["Wazo-Tenant"] = place("tenant").value.trim();
  if (place("kind")) headers["Content-Type"] = place("kind").value;
  const url = operation.root + path + (query.size ? `?${query}` : "");
  return { url, options: { method: operation.method.toUpperCase(), headers, body: place("body")?.value, cache: "no-store" } };
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function asCurl({ url, options }) {
  const headers = Object.entries(options.headers).map(([name, value]) =>
    name === "X-Auth-Token" ? '-H "X-Auth-Token: $TOKEN"' : `-H ${quoted(`${name}: ${value}`)}`);
  const body = options.body === undefined ? [] : [`--data-binary ${quoted(options.body)}`];
  return ["curl", "-X", options.method, ...headers, ...body, quoted(location.origin + url)].join(" ");
}

async function call(operation, send, stop) {
  const busy = (is) => { send.disabled = is; stop.disabled = !is; };
  const request = requestOf(operation);
  const state = made("p", { id: "state", textContent: "Waiting…" });
  const text = made("pre", { id: "answer", hidden: true });
  place("result").replaceChildren(made("h3", { textContent: "Answer" }), state, text, details("The same with curl", asCurl(request)));
  running = new AbortController();
  busy(true);
  try {
    await receive(await fetch(request.url, { ...request.options, signal: running.signal }), state, text);
  } catch (error) {
    if (error.name === "AbortError") state.append(" (stopped)");
    else Object.assign(state, { className: "bad", textContent: `The server gave no answer, or broke it off: ${error.message}` });
  } finally {
    busy(false);
  }
}

async function receive(response, state, text) {
  const kind = response.headers.get("Content-Type") || "no body";
  const where = response.headers.get("Location");
  state.className = response.ok ? "good" : "bad";
  state.textContent = `${response.status} ${response.statusText} · ${kind}${where ? ` · Location: ${where}` : ""}`;
  const decoder = new TextDecoder();
  let whole = "";
  for (const reader = response.body?.getReader(); reader && whole.length < MOST_SHOWN;) {
    const { done, value } = await reader.read();
    if (done) break;
    whole += decoder.decode(value, { stream: true });
    text.hidden = false;
    text.textContent = whole;
  }
  if (whole.length >= MOST_SHOWN) running.abort();
  if (/^application\/(.*\+)?json/.test(kind) && whole.length < MOST_SHOWN) {
    text.textContent = JSON.stringify(JSON.parse(whole), null, 2);
  }
}

async function start() {
  try {
    const answer = await fetch("api.json");
    if (!answer.ok) throw new Error(`${answer.status}`);
    description = await answer.json();
  } catch (error) {
    place("notice").textContent = `The description cannot be read: ${error.message}`;
    return;
  }
  place("version").textContent = description.info.version;
  place("filter").addEventListener("input", list);
  place("access").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", () => { show(); place("main").focus(); });
  show();
}

start();
