using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Configuration;
using BackupTool.Operations.History;
using BackupTool.Operations.Status;
using BackupTool.Repositories;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup status</c></summary>
internal static class StatusCommand
{
    internal static Command Create(CommandHost host)
    {
        var metrics = new Option<bool>("--metrics") { Description = "Print it in the text format of Prometheus" };
        var notify = new Option<bool>("--notify") { Description = "Tell those in [notify.NAME] whose backups are too old: once a day each, and when that is over" };
        return host.Create("status",
            "How the backups are: the last good snapshot of every service, its age and the age that is expected, verifications, schedules, runs. Stops and changes nothing, and asks no service ('backup health' does).\n"
            + "Exit code 3: a service has no good snapshot, or none of the age that is expected, or is missing or suspicious in a newer one; the last run of a schedule failed, or one that was due has not come; or there is something else to do. It is named.", async (context, cancellationToken) =>
            {
                if (context.Value(metrics) && context.Json) throw new UsageException("--metrics and --json exclude each other.", "Choose one.");
                BackupConfiguration configuration = context.ReadConfigurationOrNone();
                StatusReport status = await new StatusRun(configuration, context.Time).RunAsync(cancellationToken);
                if (context.Value(metrics)) context.Terminal.WriteDocument(stream => stream.Write(System.Text.Encoding.UTF8.GetBytes(PrometheusText.Write(status))));
                else if (context.Json) JsonReport.Write(context.Terminal, StatusDocument.From(status), CliJson.Default.StatusDocument);
                else if (!context.Quiet) Print(context.Terminal, status);
                Complain(context.Terminal, status);
                if (context.Value(notify))
                    foreach (string problem in await StaleTelling.RunAsync(configuration, status, context.Time, cancellationToken)) context.Terminal.Warn(problem);
                return CodeOf(status);
            }, metrics, notify);
    }

    private static ExitCode CodeOf(StatusReport status) => status.Failure is { } failure ? ErrorReport.From(failure).Code
        : status.Damaged.Count > 0 ? ExitCode.RepositoryDamaged : status.IsWell ? ExitCode.Done : ExitCode.DoneWithWarnings;

    private static void Complain(Terminal terminal, StatusReport status)
    {
        if (status.Failure is { } failure) ErrorReport.From(failure).WriteTo(terminal, json: false);
        foreach (RepositoryDamagedException damage in status.Damaged) terminal.Error($"{damage.Message}\n  → {damage.Hint}");
        foreach (ServiceStatus service in status.Services)
        {
            if (service.State == BackupState.Stale) terminal.Warn($"{service.Name} is stale: its last good snapshot is {Duration.Format(service.Age!.Value)} old, and should be no older than {Duration.Format(service.ExpectedAge!.Value)}");
            if (service.State == BackupState.Never) terminal.Warn($"{service.Name} has no good snapshot");
            if (service.Trouble is { } trouble) terminal.Warn($"{service.Name} {trouble}");
        }
        foreach (StatusNotice notice in status.Notices)
        {
            if (notice.IsTrouble) terminal.Warn(notice.Text);
            else terminal.Info(notice.Text);
        }
    }

    private static void Print(Terminal terminal, StatusReport status)
    {
        terminal.WriteLine($"repository {status.Repository}: {(status.Contents is { } contents ? $"{contents.Snapshots:N0} snapshot{(contents.Snapshots == 1 ? "" : "s")}, {ByteSize.Format(contents.Bytes)}" : "cannot be read")}");
        PrintServices(terminal, status);
        if (status.Schedules.Count > 0)
        {
            var schedules = new Table(("SCHEDULE", Align.Left), ("NEXT RUN", Align.Left), ("LAST RUN", Align.Left), ("TOOK", Align.Right), ("RESULT", Align.Left));
            foreach (ScheduleStatus schedule in status.Schedules)
                schedules.Add(schedule.Name, TimeText(schedule.Next), TimeText(schedule.Last?.Started), schedule.Last is { } last ? Duration.Format(last.Finished - last.Started) : "-", schedule.Last is { } ended ? ResultOf(ended) : "-");
            terminal.WriteLine();
            schedules.WriteTo(terminal);
        }
        if (status.Runs.Count == 0) return;
        var runs = new Table(("RUN", Align.Left), ("SCHEDULE", Align.Left), ("BEGAN", Align.Left), ("TOOK", Align.Right), ("READ", Align.Right), ("STORED", Align.Right), ("RESULT", Align.Left));
        foreach (RunRecord run in status.Runs)
            runs.Add(run.Action, run.Schedule ?? "-", TimeText(run.Started), Duration.Format(run.Finished - run.Started), BytesText(run.ReadBytes), BytesText(run.StoredBytes), ResultOf(run));
        terminal.WriteLine();
        runs.WriteTo(terminal);
    }

    private static void PrintServices(Terminal terminal, StatusReport status)
    {
        // Neither copies off-site nor drills are part of this version: their columns are what it will say of them.
        var table = new Table(("SERVICE", Align.Left), ("LAST GOOD", Align.Left), ("AGE", Align.Right), ("EXPECTED", Align.Right), ("SIZE", Align.Right), ("DOWNTIME", Align.Right), ("VERIFIED", Align.Left), ("COPIED", Align.Left),
            ("DRILLED", Align.Left), ("NEXT RUN", Align.Left), ("STATE", Align.Left));
        foreach (ServiceStatus service in status.Services)
        {
            GoodSnapshot? good = service.LastGood;
            table.Add(service.State == BackupState.Good ? TextStyle.Plain : TextStyle.Warning, service.Name, good is null ? "-" : $"{good.Id[..8]} {TimeText(good.Time)}", AgeText(service.Age), AgeText(service.ExpectedAge),
                BytesText(good?.Bytes), good?.Downtime is { } downtime ? Duration.Format(downtime) : "-", service.LastVerify is { } verify ? $"{verify.Level}, {AgeText(status.Time - verify.Time)} ago" : "-", "-", "-", TimeText(service.NextRun),
                service.State.ToString().ToLowerInvariant() + (good is { IsCrashCopy: true } ? " (crash copy)" : "") + (service.Trouble is null ? "" : " (see below)"));
        }
        table.WriteTo(terminal);
    }

    private static string ResultOf(RunRecord run)
    {
        string word = (ExitCode)run.ExitCode switch
        {
            ExitCode.Done => "done",
            ExitCode.DoneWithWarnings => "warnings",
            ExitCode.Locked => "locked out",
            ExitCode.RepositoryDamaged => "damaged",
            ExitCode.ServiceNotHealthy => "not healthy",
            ExitCode.RolledBack => "put back",
            ExitCode.Cancelled => "cancelled",
            _ => "failed",
        };
        return run.Problem is null ? word : $"{word}: {run.Problem}";
    }

    private static string TimeText(DateTimeOffset? time) => time is { } at ? $"{at.LocalDateTime:yyyy-MM-dd HH:mm}" : "-";

    private static string AgeText(TimeSpan? age) => age is { } known ? Duration.Format(known) : "-";

    private static string BytesText(long? bytes) => bytes is { } known ? ByteSize.Format(known) : "-";
}
