namespace BackupTool.EndToEnd.Support;

/// <summary>What has gone wrong, by the name that a marker of the runbook has.</summary>
internal static class RunbookSituations
{
    internal const string Well = "well";

    private const string Stop = "systemctl stop maubot; ", Start = "; systemctl start maubot";
    private const string UntilFailed = "; for i in $(seq 2400); do systemctl is-failed -q maubot && break; sleep 0.05; done";

    internal static IReadOnlyDictionary<string, Func<RunbookStack, Task>> All { get; } = new Dictionary<string, Func<RunbookStack, Task>>
    {
        [Well] = static _ => Task.CompletedTask,
        ["database-damaged"] = static stack => stack.Systemd.ShellAsync(Stop + "head -c 40000 /dev/urandom > /var/lib/maubot/bot.db; rm -f /var/lib/maubot/bot.db-*" + Start + UntilFailed),
        ["upgrade-failed"] = static stack => stack.Systemd.ShellAsync(Stop + Sql("bot.db", "UPDATE version SET version = 99; DELETE FROM instance") + Start + UntilFailed),
        ["program-older"] = async static stack =>
        {
            await stack.Systemd.ShellAsync(Stop + Sql("bot.db", "UPDATE version SET version = 1") + $"; mkdir -p /opt/maubot-old; printf '#!/bin/sh\\nexec {Program.StandIn(RunbookStack.Maubot)}\\n' > /opt/maubot-old/maubot; chmod +x /opt/maubot-old/maubot");
            await stack.WriteUnitsAsync("/opt/maubot-old/maubot");
            await stack.Systemd.ShellAsync("systemctl start maubot");
        },
        ["snapshot-ill"] = async static stack =>
        {
            await stack.Systemd.ShellAsync(Stop + Sql("bot.db", "DELETE FROM version") + Start);
            (await stack.RunAsync("backup now")).ShouldExit(20, "it is backed up as it is");
            await stack.Systemd.ShellAsync(Stop + Sql("bot.db", "INSERT INTO version VALUES (2)") + Start);
            await stack.StartAllAsync();
        },
        ["rows-lost"] = async static stack =>
        {
            await stack.Systemd.ShellAsync(Stop + Sql("plugins/reminders.db", "DELETE FROM start"));
            await stack.StartAllAsync();
        },
        ["homeserver-lost"] = async static stack =>
        {
            await stack.Systemd.ShellAsync("systemctl stop continuwuity; rm -rf /var/lib/continuwuity/*");
            await stack.StartAllAsync();
        },
        ["bridge-behind"] = static stack =>
        {
            stack.Postgres.Sql("bridge", "DELETE FROM message");
            return Task.CompletedTask;
        },
        ["disk-full"] = static stack => stack.Systemd.ShellAsync("mount -o remount,size=8m /var"),
        ["host-lost"] = async static stack =>
        {
            await stack.Systemd.ShellAsync("systemctl stop maubot mautrix-slack continuwuity; rm -rf /var/lib/maubot /var/lib/mautrix-slack /var/lib/continuwuity /var/lib/backup");
            stack.Postgres.Sql("postgres", "DROP DATABASE bridge");
        },
        ["restored"] = async static stack =>
        {
            CliResult restore = await stack.RunAsync("backup restore latest --in-place --service maubot");
            restore.ShouldExit(0);
        },
        ["killed"] = async static stack =>
        {
            CliResult killed = await stack.RunAsync("BACKUP_FAIL_POINT=replacement-exchanged backup restore latest --in-place --service maubot --no-safety");
            killed.ExitCode.Should().Be(137, killed.Output + killed.Error);
        },
        ["index-lost"] = static stack => stack.Systemd.ShellAsync("rm -rf /var/backups/stack/index"),
        ["pack-damaged"] = static stack => stack.Systemd.ShellAsync("for pack in /var/backups/stack/packs/*/*; do printf X | dd of=\"$pack\" bs=1 seek=100 conv=notrunc status=none; done"),
    };

    private static string Sql(string database, string statements) => $"python3 -c \"import sqlite3; c = sqlite3.connect('/var/lib/maubot/{database}'); c.executescript('{statements}'); c.close()\"";
}
