using SQLitePCL;

namespace BackupTool.Services.Sources.Sqlite;

/// <summary>The native library <c>libe_sqlite3.so</c>, which is installed beside the program.</summary>
public static class SqliteLibrary
{
    /// <summary>Loads it: before anything is stopped, not when the first database is opened.</summary>
    /// <exception cref="DllNotFoundException">It is not there, or not for this machine.</exception>
    public static void Require()
    {
        Batteries_V2.Init();
        _ = raw.sqlite3_libversion_number();
    }
}
