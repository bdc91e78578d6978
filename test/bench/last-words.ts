/** Preloaded into a command by `command.ts`: at the end of the process, says what it has used. */

process.on("exit", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuSeconds: (user + system) / 1e6, rssBytes: process.resourceUsage().maxRSS * 1024 });
});
process.channel?.unref();
