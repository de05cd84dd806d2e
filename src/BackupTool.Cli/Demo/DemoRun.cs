using System.Diagnostics;
using BackupTool.Cli.Output;
using BackupTool.Operations;
using BackupTool.Operations.Backup;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.Restore;
using BackupTool.Operations.Verify;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;
using BackupTool.Repositories.Storage;
using BackupTool.Services.Sources.Postgres;
using BackupTool.Services.Sources.RocksDb;
using BackupTool.Services.Systemd;

namespace BackupTool.Cli.Demo;

/// <summary>
/// The whole tool on a small stack in a temporary directory, while a bot keeps writing its database: back up, change, back up, verify, restore with this program,
/// restore with standard tools alone, compare. Each step says what it proves; the first that fails ends it.
/// </summary>
internal sealed class DemoRun(Terminal terminal, TimeProvider time)
{
    private int _step;

    internal async Task RunAsync(CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        DirectoryInfo directory = Directory.CreateTempSubdirectory("backup-demo-");
        try
        {
            await RunInAsync(directory.FullName, cancellationToken);
        }
        finally
        {
            PosixDirectory.Current.RemoveTree(BytePath.From(directory.FullName));
        }
        terminal.WriteLine($"\nDone in {Duration.Format(time.GetElapsedTime(started))}. Nothing is left behind.", TextStyle.Good);
    }

    private async Task RunInAsync(string directory, CancellationToken cancellationToken)
    {
        Say("A small stack: maubot (bot.db in its write-ahead log, plugins, bots' databases, trash) and a site (media, logs, links, odd names)");
        DemoStack stack = DemoStack.Create(Path.Combine(directory, "stack"));
        BackupConfiguration configuration = Configure(directory, stack);
        var storage = new LocalStorage(configuration.Repository.Path);
        await using DemoWriterProcess writer = await DemoWriterProcess.StartAsync(stack.Directory, cancellationToken);
        Say("A bot begins to write bot.db, 200 transactions a second, as a process of its own");

        Repository repository = await Repository.InitializeAsync(storage, time, BackupRun.ToolVersion, cancellationToken);
        Say($"backup init → repository {repository.Format.Id[..8]}");
        StoredSnapshot first = await BackUpAsync(configuration, "first backup", cancellationToken);
        DemoStack.Change(stack.Directory, seed: 1);
        Say("A day passes: files are edited, added, removed, renamed");
        StoredSnapshot second = await BackUpAsync(configuration, "second backup", cancellationToken);
        Require(second.Snapshot.Statistics.StoredBytes < first.Snapshot.Statistics.StoredBytes / 4, "the second backup stores only what changed");
        await VerifyAsync(repository, directory, cancellationToken);
        DemoWriterReport report = await writer.StopAsync(cancellationToken);
        Say($"The bot stops: {report.Commits:N0} transactions, and none of them ever waited longer than {report.LongestWaitMilliseconds:0.0} ms");
        await RestoreAndCompareAsync(repository, directory, stack, second, cancellationToken);
    }

    private static BackupConfiguration Configure(string directory, DemoStack stack)
    {
        string text = $"""
            [repository]
            path = "{directory}/repository"
            [staging]
            path = "{directory}/staging"
            [service.maubot]
            kind = "maubot"
            data = "{stack.Maubot}"
            [service.site]
            kind = "files"
            data = "{stack.Site}"
            """;
        return ConfigurationReader.Parse(BytePath.From($"{directory}/backup.toml"), System.Text.Encoding.UTF8.GetBytes(text), null);
    }

    private async Task<StoredSnapshot> BackUpAsync(BackupConfiguration configuration, string what, CancellationToken cancellationToken)
    {
        BackupReport report = await new BackupRun(configuration, new SystemdServiceManager(time), new WarningsOnly(terminal), time).RunAsync(new BackupRequest { Labels = ["demo"] }, cancellationToken);
        Require(report.Failures.Count == 0 && !report.HasWarnings, "nothing was left out");
        SnapshotStatistics statistics = report.Snapshot!.Snapshot.Statistics;
        Say($"backup now → {what}, snapshot {report.Snapshot.Id.Prefix}: {ByteSize.Format(report.Services.Sum(static s => s.Bytes))} in {Duration.Format(TimeSpan.FromSeconds(statistics.Seconds))}, "
            + $"read {ByteSize.Format(statistics.ReadBytes)}, stored {ByteSize.Format(statistics.StoredBytes)}, read back");
        return report.Snapshot;
    }

    private async Task VerifyAsync(Repository repository, string directory, CancellationToken cancellationToken)
    {
        VerifyReport report = await new VerifyRun(repository, static _ => new PostgresTarget { Database = "postgres" }, new WarningsOnly(terminal), time).RunAsync(
            VerifyLevel.Content, null, static all => all, () => StagingDirectory.CreateIn(BytePath.From(directory)), cancellationToken);
        Require(report.Problems.Count == 0, "every byte is what it should be");
        Say($"backup verify --level content → {report.Snapshots.Count} snapshots: every pack read, every database opened and checked, every plugin unpacked");
    }

    private async Task RestoreAndCompareAsync(Repository repository, string directory, DemoStack stack, StoredSnapshot snapshot, CancellationToken cancellationToken)
    {
        var mine = BytePath.From(Path.Combine(directory, "restored"));
        var run = new RestoreRun(repository, await repository.LoadIndexAsync(cancellationToken), new WarningsOnly(terminal));
        RestoreReport restored = await run.RunAsync(new RestoreRequest { Target = mine, Services = snapshot.Snapshot.Services }, cancellationToken);
        Say($"backup restore latest → {restored.Entries:N0} entries");

        string without = Path.Combine(directory, "restored-without");
        Directory.CreateDirectory(without, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        foreach (ServiceSnapshot service in snapshot.Snapshot.Services)
            await RunShellAsync($"sh '{directory}/repository/restore.sh' latest {service.Name} | tar -x -p --numeric-owner --xattrs --xattrs-include='*' -C '{without}'", cancellationToken);
        Say("sh restore.sh latest SERVICE | tar x → the same with sh, awk, zstd and tar alone");

        foreach (string root in (string[])[stack.Maubot, stack.Site])
            RequireEqual(Below(mine, root), Below(BytePath.From(without), root), $"both restores of {Path.GetFileName(root)} are equal in every byte, owner, mode, time, link and attribute");
        RequireEqual(BytePath.From(stack.Site), Below(mine, stack.Site), "the restored site is exactly the original");
        string database = Path.Combine(mine.ToString(), stack.BotDatabase.TrimStart('/'));
        var ledger = DemoLedger.Read(database);
        Require(ledger.Agrees && ledger.Entries > 0, $"the restored bot.db holds {ledger.Entries:N0} whole transactions and no half one, though it was written all the time");
    }

    private static BytePath Below(BytePath target, string root) => target.Combine(BytePath.From(root).WithoutLeadingSlash());

    private void RequireEqual(BytePath left, BytePath right, string claim)
    {
        List<string> differences = TreeComparison.FindDifferences(left, right);
        if (differences.Count > 0) throw new OperationException($"The demo failed: {claim} does not hold:\n  {string.Join("\n  ", differences)}");
        Require(true, claim);
    }

    private void Require(bool holds, string claim)
    {
        if (!holds) throw new OperationException($"The demo failed: that {claim} does not hold.", "This should never happen: run it again, and report it with this output.");
        terminal.WriteLine($"     ✓ {claim}", TextStyle.Good);
    }

    private void Say(string text) => terminal.WriteLine($"{++_step,2}. {text}");

    private static async Task RunShellAsync(string command, CancellationToken cancellationToken)
    {
        using Process shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardError = true })!;
        string errors = await shell.StandardError.ReadToEndAsync(cancellationToken);
        await shell.WaitForExitAsync(cancellationToken);
        if (shell.ExitCode != 0 || errors.Length > 0) throw new OperationException($"The demo failed: {command}: {errors}", "restore.sh needs sh, awk, zstd, sha256sum and tar (Debian: apt-get install zstd).");
    }

    /// <summary>Only warnings are shown: the demo tells its own story.</summary>
    private sealed class WarningsOnly(Terminal terminal) : IProgressObserver
    {
        public void Begin(string phase, long? totalBytes, long? totalItems) { }

        public void Advance(long bytes, long items) { }

        public void Message(string text) { }

        public void Warn(string text) => terminal.Warn(text);
    }
}
