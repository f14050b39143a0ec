/** Starts `stepwell lsp` for the workspace, and restarts it on request and after changes of its settings. */

import { commands, type ExtensionContext, type LogOutputChannel, window, workspace } from "vscode";
import { LanguageClient, type LanguageClientOptions, type ServerOptions } from "vscode-languageclient/node";
import { serverCommand } from "./server";

let client: LanguageClient | undefined;
let pending: Promise<void> = Promise.resolve();

export async function activate(context: ExtensionContext): Promise<void> {
  const log = window.createOutputChannel("Stepwell", { log: true });
  context.subscriptions.push(
    log,
    commands.registerCommand("stepwell.restart", () => restart(log)),
    commands.registerCommand("stepwell.showLog", () => log.show()),
    workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("stepwell.path")) {
        void restart(log);
      }
    }),
  );
  await restart(log);
}

export async function deactivate(): Promise<void> {
  pending = pending.then(stop);
  await pending;
}

/** Stops the server if it runs, and starts it; calls take turns. */
function restart(log: LogOutputChannel): Promise<void> {
  pending = pending.then(stop).then(() => start(log));
  return pending;
}

async function stop(): Promise<void> {
  const running = client;
  client = undefined;
  try {
    await running?.dispose();
  } catch {
    // a server that did not start or has ended cannot be stopped
  }
}

async function start(log: LogOutputChannel): Promise<void> {
  const folders = (workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath);
  const path = workspace.getConfiguration("stepwell").get<string>("path", "");
  const { command, args } = serverCommand(path, folders);
  const options: ServerOptions = {
    command,
    args,
    options: folders[0] === undefined ? {} : { cwd: folders[0] },
  };
  const clientOptions: LanguageClientOptions = {
    // a pattern, because Visual Studio Code itself does not know TOML
    documentSelector: [{ scheme: "file", pattern: "**/*.{yaml,yml,toml}" }],
    outputChannel: log,
  };
  log.info(`starting ${command} ${args.join(" ")}`);
  client = new LanguageClient("stepwell", "Stepwell", options, clientOptions);
  try {
    await client.start();
  } catch (error) {
    log.error(String(error));
    void report(command);
  }
}

async function report(command: string): Promise<void> {
  const settings = "Open Settings";
  const message = `The language server did not start: ${command}. Install it with: pip install "stepwell[lsp]"`;
  if ((await window.showErrorMessage(message, settings)) === settings) {
    await commands.executeCommand("workbench.action.openSettings", "stepwell.path");
  }
}
