// BokehJS of the installed package, evaluated once per page from bytes that came through the kernel: no address is asked.

const page = (globalThis.__specviz__ ??= { ready: new Map(), building: 0, seq: new Map() });

export const sharedPage = () => page;

// crypto.randomUUID is missing on plain http, where many hubs live.
export const freshId = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(16).padStart(8, "0")).join("");

export const bytes = (v) => (v instanceof ArrayBuffer ? new Uint8Array(v) : new Uint8Array(v.buffer, v.byteOffset, v.byteLength));

async function inflate(v) {
  const stream = new Blob([bytes(v)]).stream().pipeThrough(new DecompressionStream("gzip"));
  return await new Response(stream).text();
}

function evaluate(name, text) {
  const el = document.createElement("script");
  // A loader such as RequireJS on the page (Voila) must not capture the UMD wrapper.
  el.textContent = `{const define = undefined, module = undefined, exports = undefined;\n${text}\n}\n//# sourceURL=specviz/${name}.js`;
  document.head.append(el);
  el.remove();
}

const ofVersion = (version) => globalThis.Bokeh?.[version] ?? globalThis.Bokeh;

export async function loadScripts(version, names, scripts, probes) {
  for (const name of names) {
    const bokeh = ofVersion(version);
    const probe = probes[name];
    if (bokeh?.version === version && (probe == null || bokeh.require("base").default_resolver.names.includes(probe))) continue;
    evaluate(name, await inflate(scripts[name]));
  }
  const bokeh = ofVersion(version);
  if (bokeh?.version !== version) throw new Error(`BokehJS ${version} was not loaded: the page may forbid inline scripts`);
  return bokeh;
}

// Two kernels of one page share the scripts, if their versions agree. A failed load is tried again by the next view.
export function runtimeReady(model) {
  const [version, names] = [model.get("version"), model.get("names")];
  const key = `${version}/${names.join()}`;
  if (!page.ready.has(key)) {
    const loading = loadScripts(version, names, model.get("scripts"), model.get("probes"));
    loading.catch(() => page.ready.delete(key));
    page.ready.set(key, loading);
  }
  return page.ready.get(key);
}
