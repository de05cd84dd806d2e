using System.Text.Json;
using System.Text.Json.Serialization;
using BackupTool.Cli.Output;
using Microsoft.Data.Sqlite;

namespace BackupTool.Cli.Demo;

/// <summary>What the writer tells when it ends: one line of JSON.</summary>
/// <param name="Commits">Transactions done.</param>
/// <param name="Seconds">How long it wrote.</param>
/// <param name="LongestWaitMilliseconds">The longest that one transaction took, from its begin to the end of its commit.</param>
public sealed record DemoWriterReport(long Commits, double Seconds, double LongestWaitMilliseconds)
{
    /// <summary>Reads the line back.</summary>
    public static DemoWriterReport Parse(string line) =>
        JsonSerializer.Deserialize(line, DemoJson.Default.DemoWriterReport) ?? throw new JsonException("The demo's writer reported nothing.");

    internal string ToLine() => JsonSerializer.Serialize(this, DemoJson.Default.DemoWriterReport);
}

/// <summary>A bot that never rests: writes to the stack's <c>bot.db</c> at 200 transactions a second, as a process of its own.</summary>
public static class DemoWriter
{
    /// <summary>What it prints once the first transaction is through.</summary>
    public const string ReadyLine = "writing";

    private const int TransactionsPerSecond = 200;

    /// <summary>
    /// Writes until <paramref name="input"/> ends — which it does when the parent closes it or dies — and then prints a <see cref="DemoWriterReport"/>.
    /// </summary>
    /// <param name="directory">The stack's directory.</param>
    /// <param name="input">Nothing is expected from it but its end.</param>
    /// <param name="output">Gets <see cref="ReadyLine"/> first and the report last.</param>
    /// <param name="time">The clock to keep pace by.</param>
    /// <param name="cancellationToken">Ends it, too, and without a report.</param>
    public static async Task<ExitCode> RunAsync(
        string directory, TextReader input, TextWriter output, TimeProvider time, CancellationToken cancellationToken)
    {
        using SqliteConnection connection = MaubotTree.Open(new DemoStack(directory).BotDatabase);
        MaubotTree.Execute(connection, "PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;");
        // A blocking read on a thread of its own: standard input knows no cancellation.
        Task parentIsGone = Task.Factory.StartNew(
            () => { while (input.ReadLine() is not null) { } }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        var random = new Random(1);
        var interval = TimeSpan.FromSeconds(1.0 / TransactionsPerSecond);
        long start = time.GetTimestamp(), commits = 0;
        TimeSpan due = TimeSpan.Zero, longest = TimeSpan.Zero;
        while (!parentIsGone.IsCompleted)
        {
            long begun = time.GetTimestamp();
            Write(connection, random);
            TimeSpan taken = time.GetElapsedTime(begun);
            if (taken > longest) longest = taken;
            if (++commits == 1) await output.WriteLineAsync(ReadyLine.AsMemory(), cancellationToken);
            if (commits == 1) await output.FlushAsync(cancellationToken);

            TimeSpan now = time.GetElapsedTime(start);
            // Catches up with what a stall cost, but for no more than a second: a frozen process is not owed its whole pause.
            due = due + interval < now - TimeSpan.FromSeconds(1) ? now : due + interval;
            if (due > now) await Task.WhenAny(Task.Delay(due - now, time, cancellationToken), parentIsGone);
            cancellationToken.ThrowIfCancellationRequested();
        }
        var report = new DemoWriterReport(commits, time.GetElapsedTime(start).TotalSeconds, longest.TotalMilliseconds);
        await output.WriteLineAsync(report.ToLine().AsMemory(), cancellationToken);
        await output.FlushAsync(cancellationToken);
        return ExitCode.Done;
    }

    private static void Write(SqliteConnection connection, Random random)
    {
        using SqliteTransaction transaction = connection.BeginTransaction();
        using SqliteCommand command = connection.CreateCommand();
        command.Transaction = transaction;
        command.CommandText = DemoLedger.Entry;
        command.Parameters.AddWithValue("$amount", random.Next(1, 1000));
        command.Parameters.AddWithValue("$note", DemoText.Sentence(random, random.Next(3, 30)));
        command.ExecuteNonQuery();
        transaction.Commit();
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(DemoWriterReport))]
internal sealed partial class DemoJson : JsonSerializerContext;
