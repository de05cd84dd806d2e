using System.Globalization;
using System.Text;
using BackupTool.Posix;

namespace BackupTool.Services.Sources.Postgres;

/// <summary>Runs pg_dump, pg_dumpall and pg_restore on one target: as its system user, with its password where nobody sees it.</summary>
internal sealed class PostgresDumper(PostgresEndpoint access, string dumpProgram, string dumpAllProgram)
{
    internal PostgresEndpoint Access => access;

    internal string DumpProgram => dumpProgram;

    /// <exception cref="SourceException">One of the programs is missing or too old.</exception>
    internal static async Task<PostgresDumper> FindAsync(PostgresEndpoint access, int serverMajor, CancellationToken cancellationToken) => new(access,
        await PostgresPrograms.FindAsync("pg_dump", serverMajor, access.RunAs, access.Options, cancellationToken),
        await PostgresPrograms.FindAsync("pg_dumpall", serverMajor, access.RunAs, access.Options, cancellationToken));

    /// <summary>Dumps the definitions to nowhere: pg_dump connects, and locks every table for a moment, as the real dump will.</summary>
    internal async Task RehearseAsync(CancellationToken cancellationToken)
    {
        ChildProgram child = StartDump(["--schema-only"]);
        await using var dump = new ProgramOutputStream(child, access, "pg_dump", cancellationToken);
        await dump.CopyToAsync(Stream.Null, cancellationToken);
    }

    /// <summary>Starts pg_dump of the exported snapshot: the custom format, uncompressed, because we compress and deduplicate ourselves.</summary>
    internal ChildProgram StartDump(string snapshotId) => StartDump(
    [
        "--format=custom", "--compress=0", $"--snapshot={snapshotId}",
        .. access.Target.ExcludedTableData.Select(pattern => $"--exclude-table-data={pattern}"),
    ]);

    /// <summary>Starts pg_dumpall of roles and tablespaces. It asks for its database by <c>--database</c>: other databases may be closed to the role.</summary>
    internal ChildProgram StartGlobals(bool withPasswords) => Start(access, dumpAllProgram,
        ["--globals-only", "--no-password", .. withPasswords ? (string[])[] : ["--no-role-passwords"],
            $"--database=dbname={PostgresEndpoint.QuoteForLibpq(access.Target.Database)}"]);

    private ChildProgram StartDump(IEnumerable<string> arguments) => Start(access, dumpProgram,
        ["--no-password", string.Create(CultureInfo.InvariantCulture, $"--lock-wait-timeout={(long)access.Options.TableLockTimeout.TotalMilliseconds}"), .. arguments]);

    /// <summary>Starts one of the programs on a database. The password, if any, is in a file that only the child can open.</summary>
    internal static ChildProgram Start(PostgresEndpoint access, string program, IEnumerable<string> arguments, bool takesInput = false)
    {
        using InheritableSecret? secret = access.Target.Password is { } password
            ? InheritableSecret.Create(Encoding.UTF8.GetBytes($"*:*:*:*:{Escape(password.Reveal())}\n"), access.RunAs) : null;
        return ChildProgram.Start(access.RunAs, program, [.. arguments, $"--dbname={access.ForLibpq(secret?.PathInChild)}"], secret, takesInput);
    }

    // libpq, "The Password File": backslashes and colons are escaped.
    private static string Escape(string password) =>
        password.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(":", "\\:", StringComparison.Ordinal);
}
