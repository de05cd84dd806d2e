namespace BackupTool.Services.Sources.Postgres;

/// <summary>How PostgreSQL is worked with; the defaults suit a server on this host.</summary>
public sealed record PostgresOptions
{
    /// <summary>
    /// Where pg_dump, pg_dumpall and pg_restore are looked for; null for the directories of PATH, <c>/usr/lib/postgresql/*/bin</c> (Debian) and
    /// <c>/run/current-system/sw/bin</c> (NixOS).
    /// </summary>
    public IReadOnlyList<string>? ProgramDirectories { get; init; }

    /// <summary>Where a server's socket is looked for when no host is named; null for <c>/run/postgresql</c>, <c>/var/run/postgresql</c> and <c>/tmp</c>.</summary>
    public IReadOnlyList<string>? SocketDirectories { get; init; }

    /// <summary>How long a connection may take to come up, and one of our small queries to be answered.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long pg_dump waits for a table that something else has locked, as a migration does, before it gives up.</summary>
    public TimeSpan TableLockTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
