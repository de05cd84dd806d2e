using BackupTool.Operations.Configuration;
using BackupTool.Operations.Replacing;
using BackupTool.Operations.Replacing.Planning;
using BackupTool.Posix;
using BackupTool.Repositories.Archives;
using BackupTool.Repositories.Snapshots;
using BackupTool.Services.Profiles;
using BackupTool.Services.Quiescing;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Operations.Restore.InPlace;

/// <summary>Why a restore cannot be done, found before anything is touched.</summary>
/// <param name="Service">The service.</param>
/// <param name="Message">What is in the way, as a sentence.</param>
/// <param name="Hint">The way out.</param>
public sealed record RestoreProblem(string Service, string Message, string Hint);

/// <summary>What a restore in place will do: made before anything is touched, printed by a dry run, and carried out as it is.</summary>
public sealed class RestorePlan
{
    internal RestorePlan(IReadOnlyList<PlannedRestore> restores, IReadOnlyList<AffectedService> services) => (Restores, Services) = (restores, services);

    /// <summary>Why it cannot be carried out; empty when it can.</summary>
    public required IReadOnlyList<RestoreProblem> Problems { get; init; }

    /// <summary>What an operator should know beforehand.</summary>
    public required IReadOnlyList<string> Warnings { get; init; }

    /// <summary>What is done, in order.</summary>
    public required IReadOnlyList<string> Steps { get; init; }

    /// <summary>How the services are brought to rest.</summary>
    public required QuiescePlan Quiesce { get; init; }

    /// <summary>What is restored, by service.</summary>
    internal IReadOnlyList<PlannedRestore> Restores { get; }

    /// <summary>The services that are replaced, and those that need them.</summary>
    internal IReadOnlyList<AffectedService> Services { get; }
}

/// <summary>What is restored of one service.</summary>
internal sealed record PlannedRestore
{
    /// <summary>Its settings.</summary>
    internal required ServiceSettings Settings { get; init; }

    /// <summary>It in the snapshot.</summary>
    internal required ServiceSnapshot Stored { get; init; }

    /// <summary>It as it is now; null when that cannot be told.</summary>
    internal required ServiceLayout? Layout { get; init; }

    /// <summary>Which members.</summary>
    internal required MemberSelection Selection { get; init; }

    /// <summary>Where they belong.</summary>
    internal required LivePlacement Placement { get; init; }

    /// <summary>PostgreSQL databases.</summary>
    internal required IReadOnlyList<PlannedDatabase> Databases { get; init; }

    /// <summary>Changes to the new state before it lives, such as a sync position that the restored homeserver does not know.</summary>
    internal required IReadOnlyList<StateEdit> Edits { get; init; }
}

/// <summary>A dump that becomes a database.</summary>
/// <param name="Member">The dump in the archive.</param>
/// <param name="Globals">The roles that go with it; null when the archive has none.</param>
/// <param name="Target">The database that it replaces.</param>
internal sealed record PlannedDatabase(CatalogEntry Member, CatalogEntry? Globals, PostgresTarget Target)
{
    /// <summary>There is a database of that name now. Known after <see cref="DatabasePreflight"/>.</summary>
    internal bool IsThere { get; init; }
}

/// <summary>A change to the new state before it lives.</summary>
/// <param name="Database">The SQLite database, as a member of the archive; null for the service's PostgreSQL databases.</param>
/// <param name="Table">Done where there is such a table.</param>
/// <param name="Columns">And, in SQLite, it has these: a plugin may call one of its own tables so.</param>
/// <param name="Statement">The change.</param>
/// <param name="Reason">What it is for, as a clause.</param>
internal sealed record StateEdit(BytePath? Database, string Table, IReadOnlyList<string> Columns, string Statement, string Reason);
