/** The packaged extension with its language client, in Node: only the API of Visual Studio Code is a stand-in. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import Module from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";

const disposable = { dispose() {} };
const event = () => disposable;

/** An object whose missing members are classes that do nothing, and missing events and functions. */
function standIn(members) {
  return new Proxy(members, {
    get(target, name) {
      if (!(name in target) && typeof name === "string") {
        target[name] = /^on(Did|Will)/.test(name)
          ? event
          : /^register|^create/.test(name)
            ? () => disposable
            : class {
                constructor(...values) {
                  Object.assign(this, { values });
                }
              };
      }
      return target[name];
    },
  });
}

const kind = { append: () => kind, value: "" };

/** The API as the language client uses it, for one open document. */
function api(root, path, document, state) {
  const log = standIn({ trace() {}, debug() {}, info() {}, warn() {}, error: (text) => state.errors.push(text), appendLine() {}, append() {}, show() {} });
  return standIn({
    version: "1.91.0",
    env: standIn({ language: "en", appName: "stand-in" }),
    Uri: { parse: (text) => ({ toString: () => text, scheme: "file", fsPath: text.replace("file://", "") }) },
    EventEmitter: class {
      listeners = [];
      event = (listener) => {
        this.listeners.push(listener);
        return disposable;
      };
      fire(value) {
        this.listeners.forEach((listener) => listener(value));
      }
      dispose() {}
    },
    Diagnostic: class {
      constructor(range, message, severity) {
        Object.assign(this, { range, message, severity });
      }
    },
    Disposable: class {
      static from = () => disposable;
      dispose() {}
    },
    CancellationTokenSource: class {
      token = { isCancellationRequested: false, onCancellationRequested: event };
      cancel() {}
      dispose() {}
    },
    CodeActionKind: standIn({ Empty: kind, QuickFix: kind, Refactor: kind }),
    commands: standIn({
      registerCommand(name, handler) {
        state.commands[name] = handler;
        return disposable;
      },
    }),
    window: standIn({
      createOutputChannel: () => log,
      visibleTextEditors: [],
      tabGroups: standIn({ all: [] }),
      showErrorMessage: async (text) => void state.shown.push(text),
      withProgress: async () => {},
    }),
    workspace: standIn({
      workspaceFolders: [{ uri: { fsPath: root, toString: () => pathToFileURL(root).href }, name: "project", index: 0 }],
      textDocuments: [document],
      notebookDocuments: [],
      getConfiguration: () => ({ get: (name, other) => (name === "path" ? path : other) }),
      createFileSystemWatcher: () => standIn({ dispose() {} }),
    }),
    languages: standIn({
      match: () => 10,
      createDiagnosticCollection: () => ({
        set(uri, findings) {
          state.published(uri.toString(), findings);
        },
        clear() {},
        delete() {},
        dispose() {},
      }),
    }),
  });
}

/** Activates a fresh copy of the extension. */
async function activated(vscode) {
  const require = createRequire(import.meta.url);
  const original = Module._load;
  Module._load = (name, ...rest) => (name === "vscode" ? vscode : original(name, ...rest));
  try {
    const bundle = require.resolve("../dist/extension.js");
    delete require.cache[bundle];
    const extension = require(bundle);
    await extension.activate({ subscriptions: [] });
    return extension;
  } finally {
    Module._load = original;
  }
}

function project() {
  const root = mkdtempSync(join(tmpdir(), "stepwell-"));
  const file = join(root, "registry.d", "steps", "load.yaml");
  const text = "name: Load\ndescription: Load rows.\nframwork: pandas\n";
  mkdirSync(join(root, "registry.d", "steps"), { recursive: true });
  writeFileSync(join(root, "stepwell.toml"), "");
  writeFileSync(file, text);
  const uri = { toString: () => pathToFileURL(file).href, scheme: "file", fsPath: file };
  return { root, document: { uri, languageId: "yaml", version: 1, getText: () => text, isClosed: false, lineCount: 4 } };
}

test("the client publishes findings, and again after a restart", { timeout: 60_000 }, async () => {
  const { root, document } = project();
  const waiting = [];
  const state = {
    commands: {},
    errors: [],
    shown: [],
    published: (uri, findings) => uri === document.uri.toString() && findings?.length && waiting.shift()?.(findings),
  };
  const next = () => new Promise((resolve) => waiting.push(resolve));
  const first = next();
  const extension = await activated(api(root, process.env.STEPWELL ?? "", document, state));
  try {
    assert.match((await first)[0].message, /framwork/);
    const second = next();
    await state.commands["stepwell.restart"]();
    assert.match((await second)[0].message, /did you mean `framework`/);
    assert.deepEqual(state.shown, []);
  } finally {
    await extension.deactivate();
    rmSync(root, { recursive: true });
  }
});

test("a missing program is reported, and nothing else fails", { timeout: 60_000 }, async () => {
  const { root, document } = project();
  const state = { commands: {}, errors: [], shown: [], published() {} };
  const extension = await activated(api(root, "/missing/stepwell", document, state));
  await extension.deactivate();
  rmSync(root, { recursive: true });
  assert.ok(state.shown.some((text) => text.includes("/missing/stepwell")), state.shown.join());
});
