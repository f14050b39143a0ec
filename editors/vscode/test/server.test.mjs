/** The program that is started, and a session with it through the protocol library of the editor. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { pathToFileURL } from "node:url";
import protocol from "vscode-languageserver-protocol/node.js";
import { serverCommand } from "../dist/server.mjs";

const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
const only = (...paths) => (path) => paths.includes(path);

test("the program in the environment of the workspace precedes the one on the path", () => {
  const at = (path, folders, platform, ...there) => serverCommand(path, folders, platform, only(...there)).command;
  assert.equal(at("", [], "linux"), "stepwell");
  assert.equal(at("", ["/a"], "linux"), "stepwell");
  assert.equal(at("", ["/a", "/b"], "linux", "/b/.venv/bin/stepwell"), "/b/.venv/bin/stepwell");
  assert.equal(at("", ["/a"], "linux", "/a/venv/bin/stepwell"), "/a/venv/bin/stepwell");
  assert.equal(at("", ["/a"], "win32", join("/a", ".venv", "Scripts", "stepwell.exe")), join("/a", ".venv", "Scripts", "stepwell.exe"));
  assert.equal(at("/opt/stepwell", ["/a"], "linux"), "/opt/stepwell");
  assert.equal(at(" stepwell-dev ", ["/a"], "linux"), "stepwell-dev");
  assert.equal(at("env/bin/stepwell", ["/a", "/b"], "linux", "/b/env/bin/stepwell"), "/b/env/bin/stepwell");
  assert.equal(at("env/bin/stepwell", ["/a"], "linux"), "/a/env/bin/stepwell");
  assert.deepEqual(serverCommand("", []).args, ["lsp"]);
});

test("the manifest pins versions and declares what the extension registers", () => {
  for (const version of Object.values({ ...manifest.dependencies, ...manifest.devDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+$/);
  }
  const source = readFileSync(new URL("../src/extension.ts", import.meta.url), "utf8");
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  for (const { command } of manifest.contributes.commands) {
    assert.ok(source.includes(`registerCommand("${command}"`), command);
  }
  for (const setting of Object.keys(manifest.contributes.configuration.properties)) {
    assert.ok(readme.includes(`\`${setting}\``), setting);
  }
  assert.equal(manifest.engines.vscode, `^${manifest.devDependencies["@types/vscode"]}`);
});

test("a session reports, fixes and ends", { timeout: 60_000 }, async () => {
  const root = mkdtempSync(join(tmpdir(), "stepwell-"));
  const file = join(root, "registry.d", "steps", "load.yaml");
  mkdirSync(join(root, "registry.d", "steps"), { recursive: true });
  writeFileSync(join(root, "stepwell.toml"), "");
  const text = "name: Load\ndescription: Load rows.\nframwork: pandas\n";
  writeFileSync(file, text);
  const { command, args } = serverCommand(process.env.STEPWELL ?? "", []);
  const server = spawn(command, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve) => server.on("exit", resolve));
  const connection = protocol.createProtocolConnection(
    new protocol.StreamMessageReader(server.stdout),
    new protocol.StreamMessageWriter(server.stdin),
  );
  try {
    const uri = pathToFileURL(file).href;
    const published = new Promise((resolve) =>
      connection.onNotification(protocol.PublishDiagnosticsNotification.type, (params) => {
        if (params.uri === uri) {
          resolve(params.diagnostics);
        }
      }),
    );
    connection.listen();
    const answer = await connection.sendRequest(protocol.InitializeRequest.type, {
      processId: process.pid,
      rootUri: pathToFileURL(root).href,
      capabilities: { window: { showDocument: { support: true } } },
    });
    assert.equal(answer.capabilities.hoverProvider, true);
    await connection.sendNotification(protocol.InitializedNotification.type, {});
    await connection.sendNotification(protocol.DidOpenTextDocumentNotification.type, {
      textDocument: { uri, languageId: "yaml", version: 1, text },
    });
    const [finding] = await published;
    assert.equal(finding.code, "unknown-field");
    const [fix] = await connection.sendRequest(protocol.CodeActionRequest.type, {
      textDocument: { uri },
      range: finding.range,
      context: { diagnostics: [finding] },
    });
    assert.equal(fix.isPreferred, true);
    assert.equal(fix.edit.changes[uri][0].newText, "e");
    await connection.sendRequest(protocol.ShutdownRequest.type);
    await connection.sendNotification(protocol.ExitNotification.type);
    assert.equal(await ended, 0);
  } finally {
    connection.dispose();
    server.kill();
    rmSync(root, { recursive: true });
  }
});
