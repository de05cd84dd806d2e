using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace BackupTool.Operations.Notifications.Channels;

/// <summary>
/// Runs a program with the event (<see cref="EventDocument"/>) on its input and its main points in <c>BACKUP_*</c> variables: 0 means told. Run once only, since a program that failed may have told
/// somebody. One that does not end in time is killed with its children.
/// </summary>
internal sealed class CommandChannel(CommandSettings settings, TimeProvider time) : Channel
{
    private const int MostShown = 200, KeptCharacters = 4096;

    internal override bool IsRepeatable => false;

    internal override async Task<Attempt> TryAsync(NotifyMessage message, CancellationToken cancellationToken)
    {
        using var process = new Process { StartInfo = Describe(message) };
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            return new Attempt(false, $"{settings.Command[0]} cannot be run: {new Win32Exception(e.NativeErrorCode).Message}");
        }
        // Both are read to their end, so that nobody waits for us; a child that outlives the program may keep them open.
        Task<string> error = ReadTailAsync(process.StandardError, cancellationToken), output = ReadTailAsync(process.StandardOutput, cancellationToken);
        try
        {
            await WriteAsync(process, EventDocument.Serialize(message), cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
        if (process.ExitCode == 0) return new Attempt(true, $"{settings.Command[0]} ended with 0");
        await Task.WhenAny(Task.WhenAll(error, output), Task.Delay(TimeSpan.FromSeconds(1), time, cancellationToken));
        string said = error is { IsCompletedSuccessfully: true, Result.Length: > 0 } ? error.Result : output.IsCompletedSuccessfully ? output.Result : "";
        return new Attempt(false, string.Create(CultureInfo.InvariantCulture, $"{settings.Command[0]} ended with {process.ExitCode}{(said.Length > 0 ? $": {said}" : "")}"));
    }

    private ProcessStartInfo Describe(NotifyMessage message)
    {
        var start = new ProcessStartInfo(settings.Command[0], settings.Command.Skip(1)) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };
        NotifyEvent told = message.Event;
        start.Environment["BACKUP_EVENT"] = NotifyReader.WordFor(told.Kind);
        start.Environment["BACKUP_EVENT_ID"] = message.Id;
        start.Environment["BACKUP_HOST"] = told.Host;
        start.Environment["BACKUP_TITLE"] = told.Title.Replace('\0', ' ');
        start.Environment["BACKUP_SCHEDULE"] = told.Schedule ?? "";
        start.Environment["BACKUP_EXIT_CODE"] = told.ExitCode?.ToString(CultureInfo.InvariantCulture) ?? "";
        start.Environment["BACKUP_SNAPSHOT"] = told.Snapshot ?? "";
        return start;
    }

    private static async Task WriteAsync(Process process, byte[] document, CancellationToken cancellationToken)
    {
        Stream input = process.StandardInput.BaseStream;
        try
        {
            await input.WriteAsync(document, cancellationToken);
            input.WriteByte((byte)'\n');
            await input.FlushAsync(cancellationToken);
            await input.DisposeAsync();
        }
        catch (IOException)
        {
            // It does not read its input: its exit code tells.
        }
    }

    /// <summary>The last line that says anything.</summary>
    private static async Task<string> ReadTailAsync(StreamReader reader, CancellationToken cancellationToken)
    {
        var tail = new StringBuilder();
        var buffer = new char[1024];
        for (int read; (read = await reader.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            tail.Append(buffer, 0, read);
            if (tail.Length > KeptCharacters) tail.Remove(0, tail.Length - KeptCharacters);
        }
        string line = tail.ToString().Split('\n').Select(static each => each.Trim()).LastOrDefault(static each => each.Length > 0) ?? "";
        line = string.Concat(line.Select(static c => char.IsControl(c) ? ' ' : c));
        return line.Length <= MostShown ? line : line[..MostShown] + "…";
    }

    public override void Dispose()
    {
    }
}
