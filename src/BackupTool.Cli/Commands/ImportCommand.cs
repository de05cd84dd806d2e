using System.CommandLine;
using System.Globalization;
using BackupTool.Cli.Output;
using BackupTool.Operations.Import;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup import</c></summary>
internal static class ImportCommand
{
    internal static Command Create(CommandHost host)
    {
        var file = new Argument<string>("file") { Description = "A .tar, .tar.gz, .tar.xz, .tar.bz2, .tar.zst, .zip or .7z; told by its content", HelpName = "FILE" };
        var service = new Option<string>("--service", "-s") { Description = "The name that its contents get in the snapshot", HelpName = "NAME", Required = true };
        var labels = new Option<string[]>("--label", "-l") { Description = "A further word for the snapshot (may be given several times)", HelpName = "NAME" };
        var time = new Option<string?>("--time") { Description = "When the archive was made [default: the file's mtime]", HelpName = "TIME" };
        return host.Create("import", "Adopt an old archive as a snapshot, labelled imported. The file is not touched.", async (context, cancellationToken) =>
        {
            await context.RecoverFirstAsync(cancellationToken);
            var request = new ImportRequest(CommandContext.AbsolutePath(context.Value(file)!), context.Value(service)!, context.Value(labels) ?? [], ParseTime(context.Value(time)));
            ImportReport report = await new ImportRun(context.ReadConfigurationDespiteSchedules(), context.Progress, context.Time).RunAsync(request, cancellationToken);
            context.Progress.Dispose();
            if (context.Json) JsonReport.Write(context.Terminal, new ImportDocument(report.Snapshot.Id.Hex, report.Members, report.Bytes, [.. report.Warnings]), CliJson.Default.ImportDocument);
            else if (!context.Quiet) context.Terminal.WriteLine($"imported {report.Members:N0} entries, {ByteSize.Format(report.Bytes)}, as snapshot {report.Snapshot.Id.Prefix} of {report.Snapshot.Snapshot.Time.LocalDateTime:yyyy-MM-dd HH:mm:ss}");
            return report.Warnings.Count > 0 ? ExitCode.DoneWithWarnings : ExitCode.Done;
        }, file, service, labels, time);
    }

    private static DateTimeOffset? ParseTime(string? text) =>
        text is null ? null : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out DateTimeOffset time) ? time
            : throw new UsageException($"--time: '{text}' is no time.", "Write it as 2026-11-22 or 2026-11-22T03:00.");
}

/// <summary>The JSON of <c>import</c>.</summary>
public sealed record ImportDocument(string Snapshot, long Members, long Bytes, LeftOut[] Warnings);
