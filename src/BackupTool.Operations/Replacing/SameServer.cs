using BackupTool.Posix;
using BackupTool.Services.Homeservers;
using BackupTool.Services.Sources.Files;
using BackupTool.Services.Sources.RocksDb;

namespace BackupTool.Operations.Replacing;

/// <summary>
/// Whether a homeserver that has been started with another state is the server whose state that is. One that looks elsewhere, or found nothing, makes itself an empty database, answers, and is
/// nobody whom other servers know.
/// </summary>
internal static class SameServer
{
    private static readonly BytePath Lock = BytePath.From("LOCK");
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10), Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>What is wrong, a sentence each.</summary>
    internal static async Task<IReadOnlyList<string>> FindProblemsAsync(ReplacementRecord record, ReplacementContext context, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        foreach (AffectedService service in record.Services)
            if (service is { IsReplaced: true, Identity: { } identity }) problems.AddRange(await FindProblemsAsync(service, identity, context, cancellationToken));
        return problems;
    }

    private static async Task<IReadOnlyList<string>> FindProblemsAsync(AffectedService service, ServerIdentity expected, ReplacementContext context, CancellationToken cancellationToken)
    {
        RocksDbShapeFacts? database = expected.DatabasePath is null ? null : Look(BytePath.From(expected.DatabasePath));
        if (expected.DatabaseIdentity is not null && database?.Identity is { } identity && identity != expected.DatabaseIdentity)
            return [$"'{service.Name}' has made itself a new database at {expected.DatabasePath}: it is {identity}, and the snapshot has {expected.DatabaseIdentity}"];
        bool isThere = expected.DatabaseIdentity is not null && database?.Identity == expected.DatabaseIdentity;
        // No backup has the lock of a running server: where there is none, the restored database was never opened.
        string? unopened = isThere && !PosixFile.TryGetStatusFollowing(BytePath.From(expected.DatabasePath!).Combine(Lock), out _)
            ? $"'{service.Name}' has not opened the database that was restored to {expected.DatabasePath}: it runs with another" : null;
        bool isProven = isThere && unopened is null;
        if (!isProven && expected.ColumnFamilies is { } tables && database?.ColumnFamilies is { } now && now < tables)
            return [$"the database of '{service.Name}' has {now} tables (column families), and the snapshot {tables}"];
        if (expected.SigningKeys is not { } keys) return unopened is null ? [] : [unopened];
        (IReadOnlyList<string> Keys, string? Problem) answer = await AskAsync(service, context, cancellationToken);
        string[] known = keys.Split(", ");
        if (answer.Keys.Count > 0)
            return answer.Keys.Any(known.Contains) ? [] : [$"'{service.Name}' is another server: it signs with {string.Join(", ", answer.Keys)}, and the snapshot's with {keys}"];
        if (isProven) return [];
        if (unopened is not null) return [unopened];
        return [$"'{service.Name}' does not say with which keys it signs ({answer.Problem ?? "it names none"}), as it did when the snapshot was made: it cannot be told whether it is the same server"];
    }

    private static async Task<(IReadOnlyList<string> Keys, string? Problem)> AskAsync(AffectedService service, ReplacementContext context, CancellationToken cancellationToken)
    {
        if (HomeserverIdentity.BaseOf(context.ProbeOf(service)) is not { } url) return ([], "it is not known where it listens");
        long began = context.Time.GetTimestamp();
        while (true)
        {
            HomeserverIdentity identity = await HomeserverIdentity.AskAsync(url, context.Time, cancellationToken);
            if (identity.SigningKeys.Count > 0 || context.Time.GetElapsedTime(began) > Patience) return (identity.SigningKeys, identity.Problem);
            await Task.Delay(Pause, context.Time, cancellationToken);
        }
    }

    private static RocksDbShapeFacts? Look(BytePath database)
    {
        try
        {
            return RocksDbShapeFacts.Read(SymlinkChain.Resolve(database).Target);
        }
        catch (Exception e) when (e is ExplainedException or PosixException)
        {
            return null;   // it then has no identity, and the keys decide
        }
    }
}
