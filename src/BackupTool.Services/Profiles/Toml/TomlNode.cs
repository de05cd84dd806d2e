namespace BackupTool.Services.Profiles.Toml;

/// <summary>A place in a text file; lines and columns count from 1, columns in characters.</summary>
public readonly record struct TextPlace(int Line, int Column) : IComparable<TextPlace>
{
    /// <inheritdoc/>
    public int CompareTo(TextPlace other) => Line != other.Line ? Line.CompareTo(other.Line) : Column.CompareTo(other.Column);

    /// <inheritdoc/>
    public override string ToString() => $"{Line}:{Column}";

    /// <summary>Earlier in the file.</summary>
    public static bool operator <(TextPlace left, TextPlace right) => left.CompareTo(right) < 0;

    /// <summary>Later in the file.</summary>
    public static bool operator >(TextPlace left, TextPlace right) => left.CompareTo(right) > 0;

    /// <summary>Not later in the file.</summary>
    public static bool operator <=(TextPlace left, TextPlace right) => left.CompareTo(right) <= 0;

    /// <summary>Not earlier in the file.</summary>
    public static bool operator >=(TextPlace left, TextPlace right) => left.CompareTo(right) >= 0;
}

/// <summary>A value in a TOML file, and where it stands.</summary>
public abstract record TomlNode(TextPlace Place)
{
    /// <summary>What it is, for a sentence: "a text", "a table".</summary>
    public abstract string Describe { get; }
}

/// <summary>A string.</summary>
public sealed record TomlText(string Value, TextPlace Place) : TomlNode(Place)
{
    /// <inheritdoc/>
    public override string Describe => "a text";
}

/// <summary>A number, truth value or date: of these, only whole numbers have a value that this tool or what it reads of others needs.</summary>
public sealed record TomlOther(string Kind, TextPlace Place) : TomlNode(Place)
{
    /// <summary>The value of a whole number; null for all else.</summary>
    public long? WholeNumber { get; init; }

    /// <summary>Whether it is the truth value true.</summary>
    public bool IsTrue { get; init; }

    /// <inheritdoc/>
    public override string Describe => Kind;
}

/// <summary>An array.</summary>
public sealed record TomlArray(IReadOnlyList<TomlNode> Items, TextPlace Place) : TomlNode(Place)
{
    /// <inheritdoc/>
    public override string Describe => "an array";
}

/// <summary>One <c>key = value</c> of a table.</summary>
public sealed record TomlEntry(string Key, TextPlace KeyPlace, TomlNode Value);

/// <summary>A table, inline or not, or one of an array of tables: its entries in the order of the file.</summary>
public sealed record TomlTable(TextPlace Place) : TomlNode(Place)
{
    private readonly List<TomlEntry> _entries = [];

    /// <summary>The entries in the order of the file.</summary>
    public IReadOnlyList<TomlEntry> Entries => _entries;

    /// <inheritdoc/>
    public override string Describe => "a table";

    /// <summary>The entry with this very key, or null.</summary>
    public TomlEntry? Find(string key) => _entries.Find(entry => entry.Key == key);

    /// <summary>The table with this key, or null when there is none or it is something else.</summary>
    public TomlTable? FindTable(string key) => Find(key)?.Value as TomlTable;

    /// <summary>The text with this key, or null when there is none or it is something else.</summary>
    public string? FindText(string key) => (Find(key)?.Value as TomlText)?.Value;

    /// <summary>The whole number with this key, or null when there is none or it is something else.</summary>
    public long? FindWholeNumber(string key) => (Find(key)?.Value as TomlOther)?.WholeNumber;

    /// <summary>Whether the value with this key is true; false when there is none or it is something else.</summary>
    public bool IsTrue(string key) => Find(key)?.Value is TomlOther { IsTrue: true };

    internal void Add(TomlEntry entry) => _entries.Add(entry);
}
