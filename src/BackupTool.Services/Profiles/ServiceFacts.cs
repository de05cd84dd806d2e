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

    /// <summary>The PostgreSQL databases to dump, for the kind <c>postgres</c>; empty for all but the templates.</summary>
    public IReadOnlyList<string> Databases { get; init; } = [];

    /// <summary>How its PostgreSQL databases are reached, where that differs from what its own configuration says; null when the operator says nothing.</summary>
    public PostgresAccess? Postgres { get; init; }
}
