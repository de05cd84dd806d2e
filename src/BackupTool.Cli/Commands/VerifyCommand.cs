using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using BackupTool.Cli.Output;
using BackupTool.Operations.Verify;
using BackupTool.Posix;
using BackupTool.Repositories;
using BackupTool.Repositories.Verification;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Cli.Commands;

/// <summary><c>backup verify</c></summary>
internal static class VerifyCommand
{
    internal static Command Create(CommandHost host)
    {
        var snapshot = new Argument<string?>("snapshot") { Description = "With --level content: which snapshot [default: latest]", HelpName = "SNAPSHOT", Arity = ArgumentArity.ZeroOrOne };
        var level = new Option<VerifyLevel>("--level", "-l")
        {
            Description = "structure: everything but the packs' contents · data: every byte of every pack · content: besides, restore a snapshot and open its databases",
            HelpName = "structure|data|content",
            DefaultValueFactory = static _ => VerifyLevel.Structure,
            CustomParser = ParseLevel,
        };
        var subset = new Option<string?>("--subset") { Description = "With --level data: only part n of t of the packs, such as 1/7 every night", HelpName = "N/T" };
        return host.Create("verify", "Verify the repository, and keep a report of it there.", async (context, cancellationToken) =>
        {
            PackSubset? part = ParseSubset(context.Value(subset));
            string? named = context.Value(snapshot);
            RequireEffect(context.Value(level), named, part);
            context.StartRecording("verify", context.TryReadConfiguration());
            VerifyReport report = await RunAsync(context, context.Value(level), (_, _) => ValueTask.FromResult(part), named ?? "latest", cancellationToken);
            context.Progress.Dispose();
            if (named is not null && IsOfNothing(report)) throw new NotInRepositoryException("The repository holds no snapshot.", "Run 'backup now' to make the first one.");
            if (context.Recorded is { } run) (run.ReadBytes, run.Problem) = (report.ReadBytes, report.Problems.Concat(report.Unproven).FirstOrDefault()?.ToString());
            if (context.Json) JsonReport.Write(context.Terminal, VerifyDocument.From(report), CliJson.Default.VerifyDocument);
            else Print(context, report);
            return CodeOf(report);
        }, snapshot, level, subset);
    }

    /// <summary>Verifies: what the command and a schedule's step have in common.</summary>
    /// <param name="context">The command's.</param>
    /// <param name="level">How thoroughly.</param>
    /// <param name="choosePart">For the data level: the part of the packs; null for all.</param>
    /// <param name="selector">For the content level: which snapshot; null for every one.</param>
    /// <param name="cancellationToken">Ends it.</param>
    internal static async Task<VerifyReport> RunAsync(
        CommandContext context, VerifyLevel level, Func<Repository, CancellationToken, ValueTask<PackSubset?>> choosePart, string? selector, CancellationToken cancellationToken)
    {
        Repository repository = await context.OpenRepositoryAsync(cancellationToken);
        await using IAsyncDisposable held = await context.LockForReadingAsync(repository, "verify", cancellationToken);
        return await new VerifyRun(repository, context.FindPostgres, context.Progress, context.Time).RunAsync(level, await choosePart(repository, cancellationToken),
            all => all.Count == 0 || selector is null ? all : [Operations.Snapshots.SnapshotSelector.Select(all, selector, TimeZoneInfo.Local)],
            () => StagingDirectory.CreateIn(BytePath.From(Path.GetTempPath())), cancellationToken);
    }

    internal static ExitCode CodeOf(VerifyReport report) => report.Problems.Count > 0 ? ExitCode.RepositoryDamaged : report.Unproven.Count > 0 ? ExitCode.DoneWithWarnings
        : IsOfNothing(report) ? ExitCode.NothingToDo : ExitCode.Done;

    /// <summary>A repository without a snapshot proves nothing.</summary>
    private static bool IsOfNothing(VerifyReport report) => report is { Problems.Count: 0, Snapshots.Count: 0 };

    /// <summary>Who names a snapshot or a part is not to believe that it was looked at when it was not.</summary>
    private static void RequireEffect(VerifyLevel level, string? snapshot, PackSubset? part)
    {
        if (snapshot is not null && level != VerifyLevel.Content)
            throw new UsageException($"The levels structure and data verify the whole repository, and not '{snapshot}' alone.", $"Write 'backup verify {snapshot} --level content', or leave the snapshot out.");
        if (part is not null && level == VerifyLevel.Structure) throw new UsageException("--subset is a part of the packs, and the level structure does not read them.", "Add '--level data'.");
    }

    private static VerifyLevel ParseLevel(ArgumentResult result)
    {
        string text = result.Tokens.Count == 0 ? "" : result.Tokens[0].Value;
        switch (text)
        {
            case "structure": return VerifyLevel.Structure;
            case "data": return VerifyLevel.Data;
            case "content": return VerifyLevel.Content;
            default:
                result.AddError($"--level: '{text}' is no level: write structure, data or content.");
                return VerifyLevel.Structure;
        }
    }

    private static PackSubset? ParseSubset(string? text)
    {
        if (text is null) return null;
        string[] parts = text.Split('/');
        return parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int of) && number >= 1 && number <= of
            ? new PackSubset(number, of)
            : throw new UsageException($"--subset: '{text}' is no part.", "Write n/t with 1 ≤ n ≤ t, such as 2/7.");
    }

    private static string Count(int number, string noun) => $"{number:N0} {noun}{(number == 1 ? "" : "s")}";

    internal static void Print(CommandContext context, VerifyReport report)
    {
        if (context.Quiet && CodeOf(report) == ExitCode.Done) return;
        Terminal terminal = context.Terminal;
        foreach (VerificationProblem problem in report.Problems) terminal.Error(problem.ToString());
        foreach (VerificationProblem unproven in report.Unproven) terminal.Warn($"not proven: {unproven}");
        if (IsOfNothing(report))
        {
            terminal.Warn("the repository holds no snapshot: nothing was verified");
            return;
        }
        string read = report.ReadBytes > 0 ? $", {ByteSize.Format(report.ReadBytes)} of packs read" : "";
        terminal.WriteLine(report.Problems.Count == 0
            ? $"verified ({report.Level.ToString().ToLowerInvariant()}): {Count(report.Snapshots.Count, "snapshot")}{read}, no problems{(report.Unproven.Count > 0 ? $", {report.Unproven.Count} not proven" : "")}"
            : $"{Count(report.Problems.Count, "problem")} in {Count(report.Snapshots.Count, "snapshot")}{read}");
        if (report.Problems.Count > 0) terminal.Error("the repository is damaged\n  → Replace the named files by those of another copy of the repository; damage in index/ is mended by 'backup repair index'.");
    }
}

/// <summary>The JSON of <c>verify</c>.</summary>
public sealed record VerifyDocument(string Level, bool Good, long ReadBytes, string[] Snapshots, VerificationProblem[] Problems, VerificationProblem[] Unproven, string? Evidence)
{
    internal static VerifyDocument From(VerifyReport report) => new(report.Level.ToString().ToLowerInvariant(), VerifyCommand.CodeOf(report) == ExitCode.Done, report.ReadBytes,
        [.. report.Snapshots.Select(static s => s.Id.Hex)], [.. report.Problems], [.. report.Unproven], report.EvidenceFile);
}
