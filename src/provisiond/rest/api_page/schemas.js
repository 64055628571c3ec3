// Schemas of the description: as text to read, and as an example to begin with.

const DEEPEST = 6;

// Follow a reference into the document; anything else is returned as it is.
export function resolved(document, schema) {
  let found = schema;
  for (let step = 0; found && found.$ref && step < 10; step += 1) {
    found = found.$ref.slice(2).split("/").reduce((place, name) => place && place[name.replaceAll("~1", "/")], document);
  }
  return found || {};
}

function kindOf(document, schema) {
  const own = resolved(document, schema);
  if (own.enum) return own.enum.map((each) => JSON.stringify(each)).join(" | ");
  if (own.const !== undefined) return JSON.stringify(own.const);
  const choices = own.anyOf || own.oneOf;
  if (choices) return choices.map((each) => kindOf(document, each)).join(" | ");
  if (own.type === "array") return `array of ${kindOf(document, own.items || {})}`;
  const bounds = own.minimum !== undefined && own.maximum !== undefined ? ` ${own.minimum}–${own.maximum}` : "";
  return (Array.isArray(own.type) ? own.type.join(" | ") : own.type || "any") + bounds;
}

// The object that a schema describes: itself, the members of its array or map, or the first object among its choices.
function objectIn(document, schema) {
  const own = resolved(document, schema);
  if (own.properties) return own;
  for (const next of [own.items, own.additionalProperties, ...(own.anyOf || [])]) {
    const found = next && typeof next === "object" ? objectIn(document, next) : null;
    if (found) return found;
  }
  return null;
}

// Lines of text that tell the members of a schema, indented by depth.
export function told(document, schema, indent = "", depth = 0) {
  const object = objectIn(document, schema);
  if (!object) return depth ? [] : [kindOf(document, schema)];
  const required = new Set(object.required || []);
  const lines = [];
  for (const [name, member] of Object.entries(object.properties)) {
    const own = resolved(document, member);
    const says = own.description && !objectIn(document, member) ? `  — ${own.description}` : "";
    lines.push(`${indent}${name}${required.has(name) ? "" : "?"}: ${kindOf(document, member)}${says}`);
    if (depth < DEEPEST) lines.push(...told(document, member, `${indent}    `, depth + 1));
  }
  return lines;
}

// A value that a schema allows: its first example, else made from its required members.
export function example(document, schema, depth = 0) {
  const own = resolved(document, schema);
  if (own.examples) return own.examples[0];
  if (own.default !== undefined && own.default !== null) return own.default;
  if (own.enum) return own.enum[0];
  if (own.properties && depth < DEEPEST) {
    const wanted = Object.entries(own.properties).filter(
      ([name, member]) => (own.required || []).includes(name) || resolved(document, member).examples,
    );
    return Object.fromEntries(wanted.map(([name, member]) => [name, example(document, member, depth + 1)]));
  }
  if (own.anyOf) return example(document, own.anyOf[0], depth + 1);
  const type = Array.isArray(own.type) ? own.type[0] : own.type;
  return { array: [], object: {}, string: "", integer: 0, number: 0, boolean: false }[type] ?? null;
}
