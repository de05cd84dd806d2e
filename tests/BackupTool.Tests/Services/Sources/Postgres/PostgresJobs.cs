using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using BackupTool.Services.Sources.Postgres;

namespace BackupTool.Tests.Services.Sources.Postgres;

/// <summary>A backup in a process of its own, to be killed: this test program again, told by its environment what to do instead of testing.</summary>
internal static class PostgresJobs
{
    private const string JobVariable = "BACKUP_TESTS_POSTGRES_JOB";

    /// <summary>Pins, prints "pinned", waits for a line, starts a dump that it does not read and prints "dumping".</summary>
    internal static Process StartDumpThatNobodyReads(PostgresTarget target)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program) { RedirectStandardInput = true, RedirectStandardOutput = true };
        if (Path.GetFileName(program) == "dotnet") start.ArgumentList.Add(typeof(PostgresJobs).Assembly.Location);
        start.Environment[JobVariable] = string.Create(CultureInfo.InvariantCulture, $"{target.Host}|{target.Port}|{target.SystemUser}|{target.Database}");
        return Process.Start(start)!;
    }

    [ModuleInitializer]
    internal static void BecomeChildWhenTold()
    {
        if (Environment.GetEnvironmentVariable(JobVariable)?.Split('|') is not { Length: 4 } parts) return;
        DumpHalf(new PostgresTarget { Host = parts[0], Port = int.Parse(parts[1], CultureInfo.InvariantCulture), SystemUser = parts[2], Role = "postgres", Database = parts[3] });
        Environment.Exit(0);
    }

    // Not async, and without options of this module's types: until its initializer returns, no other thread may run its code.
    private static void DumpHalf(PostgresTarget target)
    {
        PostgresSource source = PostgresSource.OpenAsync(target, new PostgresOptions(), CancellationToken.None).GetAwaiter().GetResult();
        PinnedPostgres pinned = source.PinAsync(CancellationToken.None).GetAwaiter().GetResult();
        Console.WriteLine("pinned");
        Console.ReadLine();
        using Stream dump = pinned.OpenDump(CancellationToken.None);
        Console.WriteLine("dumping");
        Console.In.ReadToEnd();
    }
}
