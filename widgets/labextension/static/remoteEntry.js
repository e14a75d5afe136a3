// The JupyterLab extension: launcher card, palette entries, "Open in Specviz" for FITS files. Written by hand as a module
// federation container ({init, get}), so it needs no build. It opens notebooks; all that is shown in them is the kernel's.
//
// Any application of the Jupyter family may load this file. JupyterLab and Notebook 7 share what it needs; where that is
// missing (Voila) it has no plugins and stays silent. Every service but the commands themselves is optional.
(() => {
  "use strict";

  const NAME = "jupyter-specviz";
  const ID = `${NAME}:plugin`;
  const OPEN = "specviz:open";
  const NEW = "specviz:new";
  const FITS = /\.(fits|fit|fits\.gz|fit\.gz)$/i;
  const TO_RUN = "jupyter-specviz:run"; // of Notebook 7: which notebook its next page shall run
  const PATIENCE = 60000; // ms between a click and the page that it opened
  const PATIENCE_LIST = 2000; // ms that a notebook waits for the file browser: some disks list slowly
  const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" width="24" height="24">
<path d="M2 9.5 4.5 6l2 1.5L8 18l1.6-11 2.4-.8 1.5 5.8L15 6.6l2.4 1L19 15l1.4-6.6L22 9" fill="none" stroke="#2A8BD0" stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round"/>
<path d="M2 21.5h20" stroke="#8A8F98" stroke-width="1.2" stroke-linecap="round"/></svg>`;

  let shared = {};

  // A package that the application shares, or null. Several versions may lie there: the one in use is right.
  async function shares(name) {
    const versions = Object.values(shared[name] ?? {});
    const entry = versions.find((v) => v.loaded) ?? versions[0];
    return entry ? (await entry.get())() : null;
  }

  // ---- what the notebook says -------------------------------------------------------------------------------------

  // A file's name as a Python string. JSON's escapes are a subset of Python's. A name that begins oddly (quote, "~",
  // blank) is written as a path, which nothing trims or expands.
  function literal(path) {
    return JSON.stringify(/^[\p{L}\p{N}_]/u.test(path) ? path : `./${path}`);
  }

  function source(paths) {
    const listed = paths.map(literal);
    let what = listed.join("");
    if (listed.length > 1) what = `[\n${listed.map((text) => `    ${text},\n`).join("")}]`;
    return `import specviz\n\nexplorer = specviz.explore(${what})\nexplorer`;
  }

  // The server's default kernel if it is Python, else its first Python kernel: nobody is asked.
  async function pythonKernel(app) {
    const manager = app.serviceManager.kernelspecs;
    await manager.ready;
    const all = manager.specs?.kernelspecs ?? {};
    const isPython = (name) => all[name]?.language?.toLowerCase() === "python";
    const name = isPython(manager.specs?.default) ? manager.specs.default : Object.keys(all).find(isPython);
    if (!name) throw new Error("This Jupyter server has no Python kernel. Install ipykernel where it runs.");
    return { name, display_name: all[name].display_name, language: "python" };
  }

  function content(kernelspec, text) {
    const cell = { cell_type: "code", id: "specviz", metadata: {}, execution_count: null, outputs: [], source: text };
    return { nbformat: 4, nbformat_minor: 5, metadata: { kernelspec, language_info: { name: "python" } }, cells: [cell] };
  }

  // ---- where it is written ----------------------------------------------------------------------------------------

  const basename = (path) => path.slice(path.lastIndexOf("/") + 1);
  const join = (folder, name) => (folder && !folder.endsWith(":") ? `${folder}/${name}` : `${folder}${name}`);
  function dirname(contents, path) {
    const drive = contents.driveName(path);
    const slash = path.lastIndexOf("/");
    return slash >= 0 ? path.slice(0, slash) : drive && `${drive}:`;
  }

  // A new notebook, named after what it shows. Made first and renamed then: the server never lets that replace a file.
  // The file browser lists the folder as soon as the file is there, and a server that meets a name which is renamed
  // meanwhile says that the folder is not found: so the renaming waits until the list is drawn.
  async function create(contents, folder, stem, text, kernelspec, drawn) {
    let model = await contents.newUntitled({ path: folder, type: "notebook" });
    const { content: listed } = await contents.get(folder, { content: true });
    const taken = new Set((listed ?? []).map((item) => item.name));
    let name = `${stem}.ipynb`;
    for (let i = 1; taken.has(name); i++) name = `${stem}-${i}.ipynb`;
    await drawn();
    try {
      model = await contents.rename(model.path, join(folder, name));
    } catch (error) {
      console.warn("specviz: the notebook keeps the name", model.name, error); // a name that this disk does not take
    }
    await contents.save(model.path, { type: "notebook", format: "json", content: content(kernelspec, text) });
    return model.path;
  }

  async function write(app, paths, folder, drawn) {
    const { contents } = app.serviceManager;
    const kernelspec = await pythonKernel(app);
    const local = (path) => contents.localPath(path);
    const stem = paths.length === 1 ? `${basename(local(paths[0])).replace(FITS, "")}-specviz` : "specviz";
    try {
      const inside = local(folder);
      const from = (path) => (inside && local(path).startsWith(`${inside}/`) ? local(path).slice(inside.length + 1) : local(path));
      return await create(contents, folder, stem, source(paths.map(from)), kernelspec, drawn);
    } catch (error) {
      if (!local(folder)) throw error;
      // The folder of an archive is often read-only: the notebook goes to the top folder and names the way down.
      return create(contents, "", stem, source(paths.map(local)), kernelspec, drawn);
    }
  }

  // ---- how it is opened and run -----------------------------------------------------------------------------------

  async function run(panel) {
    const { NotebookActions } = await shares("@jupyterlab/notebook");
    await panel.context.ready;
    await panel.sessionContext.ready;
    await NotebookActions.runAll(panel.content, panel.sessionContext);
  }

  // Notebook 7 shows a notebook on a page of its own, whose copy of this extension runs it.
  async function classicPage() {
    const coreutils = await shares("@jupyterlab/coreutils");
    return coreutils?.PageConfig.getOption("notebookPage") || "";
  }

  async function open(app, paths, folder, drawn) {
    const path = await write(app, paths, folder, drawn);
    const page = await classicPage();
    if (page) {
      localStorage.setItem(TO_RUN, JSON.stringify({ path, time: Date.now() }));
      if (page === "edit") {
        const { PageConfig, URLExt } = await shares("@jupyterlab/coreutils");
        window.location.replace(URLExt.join(PageConfig.getBaseUrl(), "notebooks", URLExt.encodeParts(path)));
        return null;
      }
    }
    const panel = await app.commands.execute("docmanager:open", { path, factory: "Notebook" });
    if (panel && !page) await run(panel);
    return panel ?? null;
  }

  function runOnArrival(tracker) {
    const look = async (_, panel) => {
      await panel.context.ready;
      const asked = JSON.parse(localStorage.getItem(TO_RUN) ?? "null");
      if (asked?.path !== panel.context.path) return;
      localStorage.removeItem(TO_RUN);
      if (Date.now() - asked.time < PATIENCE) await run(panel);
    };
    tracker.widgetAdded.connect(look);
    tracker.forEach((panel) => look(tracker, panel));
  }

  // ---- the plugin -------------------------------------------------------------------------------------------------

  async function plugins() {
    const [filebrowser, notebook, registry, ui, lumino] = await Promise.all(
      ["@jupyterlab/filebrowser", "@jupyterlab/notebook", "@jupyterlab/docregistry", "@jupyterlab/ui-components", "@lumino/widgets"].map(shares),
    );
    if (!(filebrowser && notebook && registry && ui && lumino)) return [];
    const [apputils, launcher, settings] = await Promise.all(
      ["@jupyterlab/apputils", "@jupyterlab/launcher", "@jupyterlab/settingregistry"].map(shares),
    );
    const tokens = {
      browsers: filebrowser.IFileBrowserFactory,
      notebooks: notebook.INotebookTracker,
      palette: apputils?.ICommandPalette,
      launcher: launcher?.ILauncher,
      settings: settings?.ISettingRegistry,
    };
    const names = Object.keys(tokens).filter((name) => tokens[name]);
    const icon = new ui.LabIcon({ name: "specviz:icon", svgstr: ICON });

    function activate(app, ...given) {
      const services = Object.fromEntries(names.map((name, i) => [name, given[i]]));
      const browser = () => services.browsers?.tracker.currentWidget ?? services.browsers?.tracker.find(() => true);
      const chosen = () => [...(browser()?.selectedItems() ?? [])].filter((item) => item.type !== "directory" && FITS.test(item.name)).map((item) => item.path);
      // What goes wrong with the list is the file browser's to say.
      const patience = () => new Promise((resolve) => setTimeout(resolve, PATIENCE_LIST));
      const drawn = () => Promise.race([browser()?.model.refresh(), patience()]).catch(() => undefined);
      const attempt = async (paths, folder) => {
        try {
          return await open(app, paths, folder, drawn);
        } catch (error) {
          if (!apputils) throw error;
          await apputils.showErrorMessage("Specviz could not open a notebook", error);
          return null;
        }
      };

      app.commands.addCommand(NEW, {
        label: (args) => (args.isPalette ? "New Specviz Notebook" : "specviz"),
        caption: "Explore the spectrum of a star",
        icon: (args) => (args.isPalette ? undefined : icon),
        execute: (args) => attempt([], args.cwd ?? browser()?.model.path ?? ""),
      });
      app.commands.addCommand(OPEN, {
        label: (args) => (args.isPalette ? "Open Selected FITS Files in Specviz" : "Open in Specviz"),
        caption: "Open a notebook that shows the selected spectra",
        icon: (args) => (args.isPalette ? undefined : icon),
        isVisible: () => chosen().length > 0,
        isEnabled: (args) => Boolean(args.paths?.length) || chosen().length > 0,
        execute: (args) => {
          const paths = args.paths ?? chosen();
          return attempt(paths, dirname(app.serviceManager.contents, paths[0]));
        },
      });
      app.contextMenu.addItem({ command: OPEN, selector: '.jp-DirListing-item[data-isdir="false"]', rank: 1 });
      for (const command of [NEW, OPEN]) services.palette?.addItem({ command, category: "specviz", args: { isPalette: true } });
      services.launcher?.add({ command: NEW, category: "Other", rank: 4 }); // "Notebook" shows letters, no icons; the first of "Other" gives it its icon
      if (services.notebooks) classicPage().then((page) => { if (page === "notebooks") runOnArrival(services.notebooks); });

      app.docRegistry.addFileType({
        name: "fits",
        displayName: "FITS File",
        extensions: [".fits", ".fits.gz", ".fit", ".fit.gz"],
        mimeTypes: ["application/fits", "image/fits"],
        fileFormat: "base64",
        contentType: "file",
        icon,
      });
      offerAsViewer(app, services.settings, attempt);
    }

    // "Open With" and the double click: a viewer whose view opens the notebook and goes. The file itself stays where it
    // is: a content provider answers with its name and no content.
    function offerAsViewer(app, settingRegistry, attempt) {
      const drive = app.serviceManager.contents.defaultDrive;
      const providers = drive?.contentProviderRegistry;
      if (!providers) return; // before JupyterLab 4.4 the whole file would be fetched
      providers.register(NAME, {
        get: (path, options) => drive.get(path, { ...options, contentProviderId: undefined, content: false }),
        save: (path, options) => drive.save(path, { ...options, contentProviderId: undefined }),
      });

      class Viewer extends registry.ABCWidgetFactory {
        createNewWidget(context) {
          const widget = new registry.DocumentWidget({ content: new lumino.Widget(), context });
          context.ready.then(() => {
            const { path } = context;
            widget.dispose();
            attempt([path], dirname(app.serviceManager.contents, path));
          });
          return widget;
        }
      }
      let offered = null;
      const offer = (doubleClick) => {
        offered?.dispose();
        offered = app.docRegistry.addWidgetFactory(new Viewer({
          name: "Specviz",
          label: "Specviz",
          modelName: "base64",
          fileTypes: ["fits"],
          defaultFor: doubleClick ? ["fits"] : [],
          readOnly: true,
          contentProviderId: NAME,
        }));
      };
      offer(true);
      settingRegistry?.load(ID).then((loaded) => {
        const follow = () => offer(loaded.get("doubleClick").composite !== false);
        loaded.changed.connect(follow);
        follow();
      }, (error) => console.warn("specviz: its settings could not be read", error));
    }

    return [{
      id: ID,
      description: "Opens FITS spectra of stars in specviz.",
      autoStart: true,
      optional: names.map((name) => tokens[name]),
      activate,
    }];
  }

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB[NAME] = {
    init(scope) { shared = scope; },
    async get(module) {
      if (module !== "./extension") throw new Error(`${NAME} has no module ${module}`);
      const found = await plugins();
      return () => ({ __esModule: true, default: found });
    },
  };
})();
