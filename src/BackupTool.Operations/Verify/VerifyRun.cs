using BackupTool.Repositories;
using BackupTool.Repositories.Verification;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Verify;

/// <summary>How thoroughly to verify. Each level includes those before it.</summary>
public enum VerifyLevel
{
    /// <summary>Every small file is what its name says; every chunk that a snapshot names is in a pack of the right size.</summary>
    Structure,
    /// <summary>Every byte of every pack is read and checked.</summary>
    Data,
    /// <summary>Every snapshot asked for is put together again, its databases opened and its plugins read.</summary>
    Content,
}

/// <summary>What a verification came to.</summary>
/// <param name="Level">How thorough it was.</param>
/// <param name="Snapshots">The snapshots that were looked at.</param>
/// <param name="ReadBytes">Bytes of packs that were read.</param>
/// <param name="Problems">What was found.</param>
/// <param name="Unproven">What nothing can be said of: a dump for which no server is there. Not green.</param>
/// <param name="EvidenceFile">The report in the repository; null where it could not be written.</param>
public sealed record VerifyReport(
    VerifyLevel Level, IReadOnlyList<StoredSnapshot> Snapshots, long ReadBytes, IReadOnlyList<VerificationProblem> Problems, IReadOnlyList<VerificationProblem> Unproven, string? EvidenceFile);

/// <summary>Verifies a repository, and leaves a report of it there.</summary>
/// <param name="repository">It.</param>
/// <param name="postgresFor">For the content level: a database of the server into which the dumps of a service may be restored, given the service's name.</param>
/// <param name="progress">Who is told.</param>
/// <param name="time">The clock.</param>
public sealed class VerifyRun(Repository repository, Func<string, PostgresTarget> postgresFor, IProgressObserver progress, TimeProvider time)
{
    /// <summary>Verifies. Problems are found, not thrown.</summary>
    /// <param name="level">How thoroughly.</param>
    /// <param name="subset">For the data level: a part of the packs.</param>
    /// <param name="choose">For the content level: which of the snapshots.</param>
    /// <param name="stagingDirectory">For the content level: makes an empty directory for what is put together.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<VerifyReport> RunAsync(
        VerifyLevel level, PackSubset? subset, Func<IReadOnlyList<StoredSnapshot>, IReadOnlyList<StoredSnapshot>> choose, Func<Posix.BytePath> stagingDirectory, CancellationToken cancellationToken)
    {
        var verifier = new RepositoryVerifier(repository, bytes => progress.Advance(bytes, 0));
        progress.Begin("structure", null, null);
        IReadOnlyList<StoredSnapshot> snapshots = await verifier.CheckStructureAsync(cancellationToken);
        if (level >= VerifyLevel.Data)
        {
            progress.Begin("data", await verifier.CountDataAsync(subset, cancellationToken), null);
            await verifier.CheckDataAsync(subset, cancellationToken);
        }
        List<VerificationProblem> problems = [.. verifier.Problems], unproven = [];
        IReadOnlyList<VerificationProblem> affected = await AffectedSnapshots.FindAsync(repository, verifier.Index, snapshots, problems, cancellationToken);
        if (affected.Count > 0) progress.Message($"what is damaged is needed by {string.Join(", ", affected.Take(10).Select(static one => one.FileName))}{(affected.Count > 10 ? $" and {affected.Count - 10:N0} more" : "")}");
        if (level == VerifyLevel.Content)
        {
            snapshots = choose(snapshots);
            var contents = new ContentVerifier(repository, verifier.Index, new DumpProof(postgresFor, time), progress, time);
            foreach (StoredSnapshot snapshot in snapshots) problems.AddRange(await contents.CheckAsync(snapshot, stagingDirectory, cancellationToken));
            unproven = contents.Unproven;
        }
        string? evidence = await RecordAsync(level, subset, snapshots, [.. problems, .. affected, .. unproven], verifier.ReadBytes, cancellationToken);
        return new VerifyReport(level, snapshots, verifier.ReadBytes, problems, unproven, evidence);
    }

    private async Task<string?> RecordAsync(
        VerifyLevel level, PackSubset? subset, IReadOnlyList<StoredSnapshot> snapshots, List<VerificationProblem> problems, long readBytes, CancellationToken cancellationToken)
    {
        var evidence = new Evidence
        {
            FormatVersion = 1,
            Action = "verify",
            Time = time.GetUtcNow(),
            Host = Environment.MachineName,
            Level = level.ToString().ToLowerInvariant(),
            Subset = subset?.ToString(),
            Snapshots = [.. snapshots.Select(static s => s.Id.Hex)],
            Problems = [.. problems.Select(static p => p.ToString())],
            ReadBytes = readBytes,
        };
        try
        {
            return await EvidenceFile.WriteAsync(repository.Storage, evidence, cancellationToken);
        }
        catch (IOException e)
        {
            progress.Message($"the report of this verification could not be kept in the repository: {e.Message}");
            return null;
        }
    }
}
