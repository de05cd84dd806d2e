using System.Diagnostics;
using System.Globalization;

namespace BackupTool.EndToEnd.Support;

/// <summary>The pg_dump and pg_restore that the running tool has started, found among its children.</summary>
internal static class RunningDump
{
    /// <summary>Waits until the tool's pg_dump of the pinned moment has written so much, and returns its process id.</summary>
    internal static int WaitForDump(Process tool, long bytes) => WaitFor(tool, "--snapshot=", bytes);

    /// <summary>Waits until the tool's pg_restore into a scratch database has read so much, and returns its process id.</summary>
    internal static int WaitForRestore(Process tool, long bytes) => WaitFor(tool, "--exit-on-error", bytes);

    private static int WaitFor(Process tool, string argument, long bytes)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromMinutes(1) && !tool.HasExited;)
        {
            foreach (int child in ChildrenOf(tool.Id))
                if (CommandLine(child).Contains(argument, StringComparison.Ordinal) && CopiedBytes(child) >= bytes) return child;
        }
        throw new TimeoutException($"no program with {argument} has read or written {bytes} bytes");
    }

    /// <summary>Its children and theirs.</summary>
    internal static IEnumerable<int> DescendantsOf(int process)
    {
        foreach (int child in ChildrenOf(process))
        {
            yield return child;
            foreach (int grandchild in DescendantsOf(child)) yield return grandchild;
        }
    }

    /// <summary>The words that it was started with, divided by spaces; empty when it has ended.</summary>
    internal static string CommandLine(int process) => Read($"/proc/{process}/cmdline");

    /// <summary>The variables that it was started with; empty when it has ended.</summary>
    internal static string EnvironmentOf(int process) => Read($"/proc/{process}/environ");

    private static int[] ChildrenOf(int process)
    {
        try
        {
            return [.. Directory.GetDirectories($"/proc/{process}/task").SelectMany(static task => Read(Path.Combine(task, "children")).Split(' ', StringSplitOptions.RemoveEmptyEntries)).Select(int.Parse)];
        }
        catch (IOException)
        {
            return [];
        }
    }

    // Through pipes: what goes through the server's socket is not counted.
    private static long CopiedBytes(int process) => Read($"/proc/{process}/io").Split('\n')
        .Where(static line => line.StartsWith("rchar: ", StringComparison.Ordinal) || line.StartsWith("wchar: ", StringComparison.Ordinal))
        .Sum(static line => long.Parse(line["rchar: ".Length..], CultureInfo.InvariantCulture));

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path).Replace('\0', ' ');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";   // it has ended
        }
    }
}
