/* main.c -- arguments, signals, wiring: nothing else. */

int main(void)
{
    return 0;
}
