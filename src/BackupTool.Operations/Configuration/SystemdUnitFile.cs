using System.Text;
using BackupTool.Posix;

namespace BackupTool.Operations.Configuration;

/// <summary>The little of a systemd service's unit file that tells where its state is. Drop-ins and specifiers are not followed.</summary>
internal sealed record SystemdUnitFile
{
    private const int MaxBytes = 1 << 20;

    /// <summary>The name without <c>.service</c>.</summary>
    internal required string Name { get; init; }

    /// <summary>The file.</summary>
    internal required BytePath File { get; init; }

    /// <summary>The words of the last <c>ExecStart=</c>, without its prefix characters.</summary>
    internal IReadOnlyList<string> Command { get; private init; } = [];

    /// <summary><c>WorkingDirectory=</c>, when it is a plain absolute path.</summary>
    internal string? WorkingDirectory { get; private init; }

    /// <summary>The first <c>StateDirectory=</c>: a name below /var/lib.</summary>
    internal string? StateDirectory { get; private init; }

    /// <summary><c>User=</c></summary>
    internal string? User { get; private init; }

    /// <summary>Values of <c>Environment=</c> whose names end in <c>_CONFIG</c>, which the conduwuit family reads.</summary>
    internal IReadOnlyList<string> ConfigVariables { get; private init; } = [];

    /// <summary>Reads a unit; null when there is none: a link to nothing, or to /dev/null, which masks it.</summary>
    internal static SystemdUnitFile? TryRead(string name, BytePath file)
    {
        if (!PosixFile.TryGetStatusFollowing(file, out FileStatus status) || status.Kind != FileKind.Regular || status.Size > MaxBytes) return null;
        return Parse(name, file, Encoding.UTF8.GetString(PosixFile.ReadAllFollowing(file, MaxBytes)));
    }

    private static SystemdUnitFile Parse(string name, BytePath file, string text)
    {
        var unit = new SystemdUnitFile { Name = name, File = file };
        string section = "";
        foreach (string raw in text.Replace("\\\n", " ", StringComparison.Ordinal).Split('\n'))
        {
            string line = raw.Trim();
            if (line.StartsWith('[')) section = line;
            int equals = line.IndexOf('=', StringComparison.Ordinal);
            if (section != "[Service]" || equals < 0 || line[0] is '#' or ';') continue;
            string value = line[(equals + 1)..].Trim();
            unit = line[..equals].Trim() switch
            {
                "ExecStart" => unit with { Command = Words(value.TrimStart('@', '-', ':', '+', '!', '|')) },
                "WorkingDirectory" => unit with { WorkingDirectory = PlainPath(value.TrimStart('-')) },
                "StateDirectory" => unit with { StateDirectory = Words(value).FirstOrDefault(static word => !word.Contains('%', StringComparison.Ordinal))?.Split(':')[0] },
                "User" => unit with { User = value },
                "Environment" => unit with { ConfigVariables = [.. unit.ConfigVariables, .. ConfigValues(value)] },
                _ => unit,
            };
        }
        return unit;
    }

    /// <summary>The value after an option in the command line, as <c>-c x</c>, <c>--config x</c> or <c>--config=x</c>.</summary>
    internal string? Option(params ReadOnlySpan<string> names)
    {
        for (int i = 1; i < Command.Count; i++)
        {
            foreach (string name in names)
            {
                if (Command[i] == name && i + 1 < Command.Count) return PlainPath(Command[i + 1]);
                if (Command[i].StartsWith(name + "=", StringComparison.Ordinal)) return PlainPath(Command[i][(name.Length + 1)..]);
            }
        }
        return null;
    }

    private static IEnumerable<string> ConfigValues(string value) => Words(value)
        .Select(static word => word.Split('=', 2))
        .Where(static pair => pair.Length == 2 && pair[0].EndsWith("_CONFIG", StringComparison.Ordinal))
        .Select(static pair => PlainPath(pair[1])).OfType<string>();

    private static string? PlainPath(string text) => text.StartsWith('/') && !text.Contains('%', StringComparison.Ordinal) ? text : null;

    /// <summary>Words apart by blanks; quotes keep blanks together.</summary>
    private static List<string> Words(string text)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        char quote = '\0';
        foreach (char c in text + " ")
        {
            if (quote != '\0' && c == quote) quote = '\0';
            else if (quote == '\0' && c is '"' or '\'') quote = c;
            else if (quote == '\0' && char.IsWhiteSpace(c))
            {
                if (word.Length > 0) words.Add(word.ToString());
                word.Clear();
            }
            else word.Append(c);
        }
        return words;
    }
}
