using System.Diagnostics;
using System.Globalization;

namespace BackupTool.EndToEnd.Support;

/// <summary>The pg_dump that a running backup has started, found among its children.</summary>
internal static class RunningDump
{
    /// <summary>Waits until the tool's pg_dump of the pinned moment has written so much, and returns its process id.</summary>
    internal static int WaitFor(Process tool, long writtenBytes)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromMinutes(1) && !tool.HasExited;)
        {
            foreach (int child in ChildrenOf(tool.Id))
                if (CommandLine(child).Contains("--snapshot=", StringComparison.Ordinal) && WrittenBytes(child) >= writtenBytes) return child;
        }
        throw new TimeoutException($"no pg_dump has written {writtenBytes} bytes");
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

    private static long WrittenBytes(int process)
    {
        string line = Read($"/proc/{process}/io").Split('\n').FirstOrDefault(static line => line.StartsWith("wchar: ", StringComparison.Ordinal), "wchar: 0");
        return long.Parse(line["wchar: ".Length..], CultureInfo.InvariantCulture);
    }

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
