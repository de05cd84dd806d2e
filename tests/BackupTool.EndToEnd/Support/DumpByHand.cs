using BackupTool.Tests.TestSupport;

namespace BackupTool.EndToEnd.Support;

/// <summary>Restores a dump as an operator does it, with pg_restore.</summary>
internal static class DumpByHand
{
    /// <summary>Into a new database, whose name is returned.</summary>
    internal static string Restore(RealPostgres server, string dump)
    {
        string name = $"by_hand_{Guid.NewGuid():N}", readable = Path.Combine(server.SocketDirectory, name);
        File.Copy(dump, readable);
        File.SetUnixFileMode(readable, (UnixFileMode)0x1a4);
        server.CreateDatabase(name);
        server.Client("pg_restore", ["--exit-on-error", $"--dbname={server.ConnectionString(name)}", readable]);
        File.Delete(readable);
        return name;
    }
}
