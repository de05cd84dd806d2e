using BackupTool.Posix;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Services.Profiles;

/// <summary>What an operator has said of a service: everything else is found by its profile.</summary>
public sealed record ServiceFacts
{
    /// <summary>The service's name in the configuration: for messages.</summary>
    public required string Name { get; init; }

    /// <summary>The kind as configured, which may be another name of a profile's kind: <c>tuwunel</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The service's own configuration file, absolute; null when it is to be found.</summary>
    public BytePath? ConfigFile { get; init; }

    /// <summary>Where its data are, absolute; empty when its own configuration says so.</summary>
    public IReadOnlyList<BytePath> DataPaths { get; init; } = [];

    /// <summary>The PostgreSQL databases to dump, for a service that is PostgreSQL itself; empty for all of them.</summary>
    public IReadOnlyList<string> Databases { get; init; } = [];

    /// <summary>How to reach PostgreSQL, where that differs from what the service's own configuration says; null when it does not.</summary>
    public PostgresAccess? Postgres { get; init; }

    /// <summary>
    /// What is broken or missing of its state is noted in <see cref="ServiceLayout.Damages"/> rather than refused, as long as its configuration tells where the rest is: for keeping a broken
    /// state before it is replaced.
    /// </summary>
    public bool AcceptsDamage { get; init; }
}
