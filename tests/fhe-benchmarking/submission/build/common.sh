# What all stages share. The program is `hexperiment`, or what HEXPERIMENT names.
case "$1" in
    0) size=toy rows=1 ;;
    1) size=small rows=20 ;;
    2) size=medium rows=64 ;;
    *) echo "found the size $1, expected 0 to 2" >&2; exit 2 ;;
esac
io="io/$size"
client() {
    "${HEXPERIMENT:-hexperiment}" client --folder "$io" "$@"
}
