using System.Globalization;
using System.Text;

namespace BackupTool.Services.Systemd;

/// <summary>Reads what <c>systemctl show</c> prints: a block of <c>Name=value</c> lines for each unit, in systemd's order, with a blank line between the blocks.</summary>
internal sealed class UnitProperties
{
    /// <summary>The properties asked for. systemctl leaves out those that a kind of unit, or an older systemd, does not have.</summary>
    internal const string Asked = "--property=Id,LoadState,ActiveState,SubState,Result,MainPID,InvocationID,NRestarts,FreezerState,CanFreeze,CanStart,CanStop,Transient,TriggeredBy,RequiredBy,BoundBy,ConsistsOf," +
        "Job,RequisiteOf,PropagatesStopTo,UpheldBy,After,Requires,Wants,BindsTo,RemainAfterExit,StopWhenUnneeded,TimeoutStartUSec,WatchdogUSec,ConditionResult,ConditionTimestampMonotonic,Type,ExecMainCode,ExecMainStatus";

    /// <summary>Asked for by itself: it is long, and of no use in a window.</summary>
    internal const string ProgramAsked = "--property=ExecStart";

    private const string ProgramBegin = "ExecStart={ path=", ProgramEnd = " ; argv[]=";

    private static readonly string[] StopPropagation = ["RequiredBy", "BoundBy", "ConsistsOf", "RequisiteOf", "PropagatesStopTo"];

    private readonly Dictionary<string, string> _values;

    private UnitProperties(Dictionary<string, string> values) => _values = values;

    internal string this[string name] => _values.GetValueOrDefault(name, "");

    /// <summary>The blocks, in the order of the units asked for.</summary>
    internal static IReadOnlyList<UnitProperties> ReadAll(string output)
    {
        var blocks = new List<UnitProperties>();
        Dictionary<string, string>? values = null;
        foreach (string line in output.Split('\n'))
        {
            int equals = line.IndexOf('=');
            if (line.Length == 0) values = null;
            else if (equals > 0)
            {
                if (values is null) blocks.Add(new UnitProperties(values = []));
                values[line[..equals]] = line[(equals + 1)..];
            }
        }
        return blocks;
    }

    /// <summary>The path out of <c>ExecStart={ path=/bin/x ; argv[]=/bin/x … ; … }</c>, of the first where there are several; null when there is none.</summary>
    internal static string? ReadProgram(string output)
    {
        string? first = output.Split('\n').FirstOrDefault(static line => line.StartsWith(ProgramBegin, StringComparison.Ordinal));
        int end = first?.IndexOf(ProgramEnd, StringComparison.Ordinal) ?? -1;
        return end > ProgramBegin.Length ? first![ProgramBegin.Length..end] : null;
    }

    internal UnitState ToState() => new()
    {
        Name = this["Id"],
        LoadState = this["LoadState"],
        ActiveState = this["ActiveState"],
        SubState = this["SubState"],
        Result = this["Result"],
        MainPid = Number("MainPID"),
        InvocationId = this["InvocationID"],
        Restarts = Number("NRestarts"),
        FreezerState = this["FreezerState"],
        CanFreeze = this["CanFreeze"] == "yes",
        RefusesStart = this["CanStart"] == "no",
        RefusesStop = this["CanStop"] == "no",
        IsTransient = this["Transient"] == "yes",
        TriggeredBy = List("TriggeredBy"),
        StopsWithIt = [.. StopPropagation.SelectMany(List).Distinct()],
        UpheldBy = List("UpheldBy"),
        After = List("After"),
        PullsIn = [.. ((string[])["Requires", "BindsTo", "Wants"]).SelectMany(List).Distinct()],
        IsPassing = (this["Type"] == "oneshot" && this["RemainAfterExit"] != "yes") || this["StopWhenUnneeded"] == "yes",
        StartTimeout = ReadTimeSpan(this["TimeoutStartUSec"]),
        Watchdog = ReadTimeSpan(this["WatchdogUSec"]),
    };

    /// <summary>How its main process ended, as words; empty when it has not.</summary>
    internal string MainProcessEnd => (this["ExecMainCode"], this["ExecMainStatus"]) switch
    {
        ("1", "0") => "",
        ("1", string status) => $"exit status {status}",
        ("2" or "3", string signal) => $"killed by signal {signal}",
        _ => "",
    };

    private int Number(string name) => int.TryParse(this[name], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0;

    private string[] List(string name) => [.. this[name].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Unquote)];

    /// <summary>Names with a backslash (<c>a\x20b.service</c>) stand in lists as <c>"a\\x20b.service"</c>, but as they are in <c>Id</c>.</summary>
    private static string Unquote(string word)
    {
        if (word.Length < 2 || word[0] != '"' || word[^1] != '"') return word;
        var plain = new StringBuilder(word.Length);
        for (int i = 1; i < word.Length - 1; i++)
        {
            if (word[i] == '\\' && i < word.Length - 2) i++;
            plain.Append(word[i]);
        }
        return plain.ToString();
    }

    /// <summary>A time as systemd prints it, <c>1min 30.5s</c>; null for none or for ever.</summary>
    private static TimeSpan? ReadTimeSpan(string text)
    {
        double microseconds = 0;
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            string unit = word.TrimStart([.. "0123456789."]);
            if (!double.TryParse(word.AsSpan(0, word.Length - unit.Length), CultureInfo.InvariantCulture, out double count)) return null;
            microseconds += count * (unit switch
            {
                "us" => 1,
                "ms" => 1e3,
                "s" => 1e6,
                "min" => 60e6,
                "h" => 3600e6,
                "d" => 86_400e6,
                "w" => 604_800e6,
                "month" => 2_629_800e6,
                "y" => 31_557_600e6,
                _ => 0,
            });
        }
        return microseconds > 0 ? TimeSpan.FromMicroseconds(microseconds) : null;
    }
}
