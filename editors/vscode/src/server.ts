/** Finds the program that serves a workspace; independent of Visual Studio Code, so that Node can test it. */

import { existsSync } from "node:fs";
import { isAbsolute, join } from "node:path";

/** A program and its arguments. */
export interface ServerCommand {
  command: string;
  args: string[];
}

/**
 * Returns the command of the language server.
 *
 * @param path the setting `stepwell.path`; empty for the default.
 * @param folders absolute paths of the workspace folders.
 */
export function serverCommand(
  path: string,
  folders: readonly string[],
  platform: NodeJS.Platform = process.platform,
  exists: (path: string) => boolean = existsSync,
): ServerCommand {
  return { command: programOf(path.trim(), folders, platform, exists), args: ["lsp"] };
}

function programOf(
  path: string,
  folders: readonly string[],
  platform: NodeJS.Platform,
  exists: (path: string) => boolean,
): string {
  const relative = path
    ? [path]
    : [".venv", "venv"].map((folder) =>
        platform === "win32" ? join(folder, "Scripts", "stepwell.exe") : join(folder, "bin", "stepwell"),
      );
  if (path && (isAbsolute(path) || !/[\\/]/.test(path))) {
    return path;
  }
  const programs = folders.flatMap((folder) => relative.map((program) => join(folder, program)));
  return programs.find(exists) ?? (path && folders[0] ? join(folders[0], path) : path || "stepwell");
}
