using System.Globalization;
using System.Text.RegularExpressions;

namespace BackupTool.Operations.Reseed.Maubot;

/// <summary>Versions of plugins as maubot writes and orders them: by PEP 440, so that <c>v1.0-beta.2</c> in a file is <c>1.0b2</c> in the management interface.</summary>
internal static partial class PluginVersion
{
    /// <summary>As maubot shows it; unchanged when it is none by PEP 440.</summary>
    internal static string Normalize(string version)
    {
        Match match = Pattern().Match(version.Trim());
        if (!match.Success) return version;
        string Number(string group) => match.Groups[group].Value is { Length: > 0 } digits ? digits.TrimStart('0') is { Length: > 0 } rest ? rest : "0" : "0";
        string release = string.Join('.', match.Groups["release"].Value.Split('.').Select(static part => part.TrimStart('0') is { Length: > 0 } rest ? rest : "0"));
        string epoch = match.Groups["epoch"].Success && Number("epoch") != "0" ? $"{Number("epoch")}!" : "";
        string pre = match.Groups["pre"].Success ? $"{ShortName(match.Groups["pre"].Value)}{Number("prenumber")}" : "";
        string post = match.Groups["post"].Success ? $".post{Number(match.Groups["implicitpost"].Success ? "implicitpost" : "postnumber")}" : "";
        string dev = match.Groups["dev"].Success ? $".dev{Number("devnumber")}" : "";
        string local = match.Groups["local"].Success ? $"+{match.Groups["local"].Value.ToLowerInvariant().Replace('-', '.').Replace('_', '.')}" : "";
        return $"{epoch}{release}{pre}{post}{dev}{local}";
    }

    internal static bool AreSame(string one, string other) => Normalize(one) == Normalize(other);

    /// <summary>
    /// Orders by release numbers alone, then final before pre-release: enough to choose among the files of one plugin. Negative when <paramref name="one"/> is older.
    /// </summary>
    internal static int Compare(string one, string other)
    {
        (long[] mine, bool isFinal) = Order(one);
        (long[] theirs, bool otherIsFinal) = Order(other);
        for (int i = 0; i < Math.Max(mine.Length, theirs.Length); i++)
        {
            int difference = mine.ElementAtOrDefault(i).CompareTo(theirs.ElementAtOrDefault(i));
            if (difference != 0) return difference;
        }
        int byKind = isFinal.CompareTo(otherIsFinal);
        return byKind != 0 ? byKind : string.CompareOrdinal(Normalize(one), Normalize(other));
    }

    private static (long[] Release, bool IsFinal) Order(string version)
    {
        Match match = Pattern().Match(version.Trim());
        if (!match.Success) return ([], false);
        return ([.. match.Groups["release"].Value.Split('.').Select(static part => long.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : long.MaxValue)],
            !match.Groups["pre"].Success && !match.Groups["dev"].Success);
    }

    private static string ShortName(string name) => name.ToLowerInvariant() switch
    {
        "alpha" => "a",
        "beta" => "b",
        "c" or "pre" or "preview" => "rc",
        string other => other,
    };

    // The pattern of PEP 440, appendix B.
    [GeneratedRegex("""
        ^v?(?:(?<epoch>[0-9]+)!)?(?<release>[0-9]+(?:\.[0-9]+)*)
        (?:[-_.]?(?<pre>alpha|beta|preview|pre|a|b|c|rc)[-_.]?(?<prenumber>[0-9]+)?)?
        (?<post>-(?<implicitpost>[0-9]+)|[-_.]?(?:post|rev|r)[-_.]?(?<postnumber>[0-9]+)?)?
        (?<dev>[-_.]?dev[-_.]?(?<devnumber>[0-9]+)?)?
        (?:\+(?<local>[a-z0-9]+(?:[-_.][a-z0-9]+)*))?$
        """, RegexOptions.IgnoreCase | RegexOptions.IgnorePatternWhitespace | RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
