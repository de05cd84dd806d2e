using System.CommandLine;
using BackupTool.Cli.Output;
using BackupTool.Operations.Export;
using BackupTool.Operations.Snapshots;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Snapshots;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup export</c></summary>
internal static class ExportCommand
{
    private static readonly (string Suffix, ExportFormat? Format)[] Formats =
        [(".tar.zst", null), (".tar.gz", ExportFormat.TarGzip), (".tgz", ExportFormat.TarGzip), (".tar", ExportFormat.Tar), (".zip", ExportFormat.Zip)];

    internal static Command Create(CommandHost host)
    {
        Argument<string> snapshot = SnapshotArgument.Create();
        var service = new Argument<string>("service") { Description = "Which service of it", HelpName = "SERVICE" };
        var output = new Option<string>("--output", "-o") { Description = "File to write; its suffix says the format: .tar.zst, .tar.gz, .tar or .zip", HelpName = "FILE", Required = true };
        var include = new Option<string[]>("--include", "-i") { Description = "Only paths that match (may be given several times)", HelpName = "GLOB" };
        return host.Create("export", "Write a service of a snapshot as an ordinary archive file.", async (context, cancellationToken) =>
        {
            string file = context.Value(output)!;
            (string suffix, ExportFormat? format) = Array.Find(Formats, f => file.EndsWith(f.Suffix, StringComparison.Ordinal));
            if (suffix is null) throw new UsageException($"--output: '{file}' has no suffix that says its format.", $"Use one of {string.Join(", ", Formats.Select(static f => f.Suffix))}.");
            if (File.Exists(file)) throw new UsageException($"--output: {file} exists.", "Remove it, or choose another name.");
            Repository repository = await context.OpenRepositoryAsync(cancellationToken);
            await using IAsyncDisposable held = await context.LockForReadingAsync(repository, "export", cancellationToken);
            StoredSnapshot stored = await context.SelectSnapshotAsync(repository, context.Value(snapshot)!, [context.Value(service)!], cancellationToken);
            ServiceSnapshot chosen = SnapshotSelector.Service(stored, context.Value(service)!);
            List<Glob> globs = [.. (context.Value(include) ?? []).Select(Glob.Parse)];
            var run = new ExportRun(repository, await repository.LoadIndexAsync(cancellationToken));
            IReadOnlyList<ExportFinding> losses = [];
            await WholeFile.WriteAsync(file, async stream =>
            {
                if (format is { } other) losses = await run.WriteAsync(chosen, globs, other, stream, cancellationToken);
                else await run.WriteZstdAsync(chosen, globs, stream, cancellationToken);
            }, cancellationToken);
            foreach (ExportFinding loss in losses) context.Terminal.Warn(loss.Message);
            long bytes = new FileInfo(file).Length;
            if (context.Json) JsonReport.Write(context.Terminal, new ExportDocument(stored.Id.Hex, chosen.Name, file, bytes, [.. losses.Select(static l => l.Message)]), CliJson.Default.ExportDocument);
            else if (!context.Quiet) context.Terminal.WriteLine($"wrote {file}, {ByteSize.Format(bytes)}: {chosen.Name} of snapshot {stored.Id.Prefix}");
            return losses.Count > 0 ? ExitCode.DoneWithWarnings : ExitCode.Done;
        }, snapshot, service, output, include);
    }
}

/// <summary>The JSON of <c>export</c>.</summary>
public sealed record ExportDocument(string Snapshot, string Service, string File, long Bytes, string[] Warnings);
